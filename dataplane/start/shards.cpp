#include "dataplane/start/shards.hpp"

#include <fmt/format.h>

#include "dataplane/runtime/core.hpp"
#include "dataplane/runtime/log.hpp"

namespace sluice::start {

Shards::Lane::Lane(unsigned core_number, std::uint32_t reader, std::uint32_t counters_max,
                   Clock& clock, Publisher<Snapshot>& publisher)
    : core(core_number),
      slots(counters_max),
      shard(publisher, clock, shard::ShardOptions{.reader = reader, .counters = &slots}) {}

Shards::Shards(const std::vector<unsigned>& cores, std::uint32_t first_reader,
               std::uint32_t counters_max, Publisher<Snapshot>& publisher) {
  for (const unsigned core : cores) {
    const auto reader = first_reader + static_cast<std::uint32_t>(lanes_.size());
    lanes_.push_back(std::make_unique<Lane>(core, reader, counters_max, clock_, publisher));
  }
}

Shards::~Shards() {
  stop();
}

Result<void> Shards::start() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    auto thread =
        start_thread(fmt::format("shard{}", i), lanes_[i]->core, [this, &lane = *lanes_[i]] {
          if (auto ran = lane.shard.run(stop_); !ran) fail_with(ran.error());
        });
    if (!thread) return tl::unexpected(thread.error());
    lanes_[i]->thread = *std::move(thread);
  }
  return {};
}

void Shards::stop() {
  stop_ = true;
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

void Shards::fail_with(const Error& error) {
  log_error(error);
  const std::lock_guard lock(failure_mutex_);
  failure_ = "a shard has ended: " + error.text();
}

void Shards::sample(agent::Samples& samples) const {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const shard::StreamCounters* counters = lanes_[i]->shard.counters();
    if (counters == nullptr) continue;
    const std::string name = std::to_string(i);
    const auto total = [&](const char* metric, const Counter& counter) {
      samples.total(metric, {{"shard", name}}, static_cast<double>(counter.value()));
    };
    total("stream_accepted_total", counters->accepted);
    total("stream_refused_total", counters->refused_total);
    total("stream_refused_per_client_total", counters->refused_per_client);
    total("stream_accept_errors_total", counters->accept_errors);
    total("stream_bind_errors_total", counters->bind_errors);
    samples.gauge("stream_open", {{"shard", name}}, static_cast<double>(counters->open.value()));
  }
}

void Shards::append_blocks(std::vector<const CounterBlock*>& blocks) const {
  for (const auto& lane : lanes_) blocks.push_back(&lane->slots);
}

std::string Shards::trouble() const {
  {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_.empty()) return failure_;
  }
  for (const auto& lane : lanes_) {
    if (std::string trouble = lane->shard.trouble(); !trouble.empty()) return trouble;
  }
  return {};
}

}  // namespace sluice::start
