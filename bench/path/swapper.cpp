#include "bench/path/swapper.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include <pthread.h>
#include <sched.h>

namespace sluice::bench {
namespace {

/// On any core but this one, if there is another.
void avoid(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const unsigned all = std::thread::hardware_concurrency();
  for (unsigned i = 0; i < all; ++i)
    if (i != core) CPU_SET(i, &cores);
  if (all > 1) (void)pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

}  // namespace

Swapper::Swapper(Sources sources, SlotRegistry& slots, Publisher<Snapshot>& publisher,
                 unsigned rate, unsigned busy_core)
    : sources_(std::move(sources)),
      slots_(slots),
      publisher_(publisher),
      rate_(rate),
      thread_([this, busy_core](const std::stop_token& stop) {
        avoid(busy_core);
        run(stop);
      }) {}

double Swapper::stop() {
  thread_.request_stop();
  thread_.join();
  const std::chrono::duration<double> ran = std::chrono::steady_clock::now() - begun_;
  return static_cast<double>(swaps_) / ran.count();
}

void Swapper::change() {
  auto& services = sources_.balancer.services;
  if (services.empty()) return;
  auto& backends = services[swaps_ % services.size()].backends;
  std::uint32_t& weight = backends[swaps_ / services.size() % backends.size()].weight;
  weight = weight == 1 ? 2 : 1;
}

void Swapper::run(const std::stop_token& stop) {
  const auto period = std::chrono::nanoseconds(1'000'000'000 / rate_);
  auto next = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    change();
    auto snapshot = compile(sources_, swaps_ + 2, slots_, publisher_.live().get());
    if (!snapshot) {
      std::fprintf(stderr, "path_bench: %s\n", snapshot.error().front().text().c_str());
      std::abort();
    }
    publisher_.publish(*snapshot);
    ++swaps_;
    next = std::max(next + period, std::chrono::steady_clock::now());
    std::this_thread::sleep_until(next);
  }
}

}  // namespace sluice::bench
