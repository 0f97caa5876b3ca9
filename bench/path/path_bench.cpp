/// The whole path on one core: a real DPDK port (null or ring), a worker, one case. Prints one line
/// of JSON. bench/area_packet.py runs it beside testpmd on the same kind of port.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <rte_cycles.h>
#include <time.h>

#include "bench/path/balance.hpp"
#include "bench/path/burst_times.hpp"
#include "bench/path/cases.hpp"
#include "bench/path/swapper.hpp"
#include "dataplane/nic/eal.hpp"
#include "dataplane/nic/port.hpp"
#include "dataplane/packet/worker.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace {

using namespace sluice;  // NOLINT: a program of one file

constexpr std::size_t kSlots = 262'144;  ///< of counters: six for each backend, and others

struct Options {
  bench::Load load;
  std::string mode = "null";
  double seconds = 1;
  unsigned core = 0;
  bool times = false;  ///< of each turn
  unsigned swaps = 0;  ///< configurations a second
};

constexpr const char* kUsage =
    "path_bench [--mode null|ring] [--case bare|forward|filter|balance|dns] [--flows N]\n"
    "  [--fresh PERCENT] [--size 64|imix] [--seconds S] [--core N]\n"
    "  [--service-mode nat|full_nat|dsr|ipip|gue] [--services N] [--backends N]\n"
    "  [--times yes|no] [--swaps N]\n";

[[nodiscard]] std::optional<balancer::Mode> mode_of(std::string_view name) {
  using enum balancer::Mode;
  constexpr std::pair<std::string_view, balancer::Mode> kModes[] = {
      {"nat", nat}, {"full_nat", full_nat}, {"dsr", direct_return}, {"ipip", ipip}, {"gue", gue}};
  for (const auto& [known, mode] : kModes)
    if (known == name) return mode;
  return std::nullopt;
}

[[nodiscard]] bool set(Options& options, std::string_view key, const std::string& value) {
  const auto number = [&] { return static_cast<std::uint32_t>(std::stoul(value)); };
  bench::Load& load = options.load;
  if (key == "--mode")
    options.mode = value;
  else if (key == "--case")
    load.name = value;
  else if (key == "--flows")
    load.flows = number();
  else if (key == "--fresh")
    load.fresh_percent = number();
  else if (key == "--size")
    load.imix = value == "imix";
  else if (key == "--services")
    load.services = number();
  else if (key == "--backends")
    load.backends = number();
  else if (key == "--seconds")
    options.seconds = std::stod(value);
  else if (key == "--core")
    options.core = number();
  else if (key == "--times")
    options.times = value == "yes";
  else if (key == "--swaps")
    options.swaps = number();
  else if (key == "--service-mode" && mode_of(value))
    load.service_mode = *mode_of(value);
  else
    return false;
  return true;
}

[[nodiscard]] bool read(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2)
    if (!set(options, argv[i], argv[i + 1])) return false;
  const bench::Load& load = options.load;
  return argc % 2 == 1 && (options.mode == "null" || options.mode == "ring") && load.flows > 0 &&
         load.fresh_percent <= 100 && load.services > 0 && load.services <= bench::kServicesMax &&
         load.backends > 0 && load.backends <= bench::kBackendsMax / load.services;
}

[[nodiscard]] int give_up(const std::string& why) {
  std::fprintf(stderr, "path_bench: %s\n", why.c_str());
  return 1;
}

/// A ring port gives back what was sent on it: it needs packets to begin with.
void fill_ring(PortQueue& queue, PacketPool& pool) {
  for (int i = 0; i < 512; ++i) {
    Packet packet;
    if (!pool.allocate(packet)) return;
    packet.length = 64;
    Packet* const one = &packet;
    if (queue.send({&one, 1}) == 0) pool.release(packet);
  }
}

/// Time that this thread had a core. Whoever else uses the machine takes cores away, not speed.
[[nodiscard]] double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Receives, stamps and sends: what the measuring itself costs.
[[nodiscard]] unsigned pass_on(PortQueue& queue, std::array<Packet, kBurstMax>& packets) {
  const unsigned n = queue.receive(packets);
  std::array<Packet*, kBurstMax> out;
  for (unsigned i = 0; i < n; ++i) out[i] = &packets[i];
  const unsigned sent = queue.send({out.data(), n});
  queue.release({out.data() + sent, n - sent});
  return n;
}

struct Measured {
  std::uint64_t packets = 0, dropped = 0;
  double seconds = 0;                ///< of the processor
  double swaps = 0;                  ///< a second
  std::array<double, 3> burst_us{};  ///< median, 99th and 99.9th percentile of a turn
};

[[nodiscard]] std::uint64_t dropped(const Books& books) {
  std::uint64_t sum = 0;
  for (const Counter& counter : books.dropped) sum += counter.value();
  return sum;
}

/// Calls turn() for so many seconds, reading the clocks seldom.
template <class Turn>
[[nodiscard]] double turn_for(double seconds, Turn&& turn) {
  constexpr int kTurns = 256;
  const double begin = processor_seconds();
  double now = begin;
  for (; now - begin < seconds; now = processor_seconds())
    for (int i = 0; i < kTurns; ++i) turn();
  return now - begin;
}

[[nodiscard]] tl::expected<Measured, Error> run_bare(PortQueue& queue, const Options& options) {
  const auto packets = std::make_unique<std::array<Packet, kBurstMax>>();
  (void)turn_for(0.2, [&] { (void)pass_on(queue, *packets); });
  Measured measured;
  measured.seconds =
      turn_for(options.seconds, [&] { measured.packets += pass_on(queue, *packets); });
  return measured;
}

/// Nanoseconds that making one packet takes, in memory that is at hand: of our figures, what
/// testpmd does not do.
[[nodiscard]] double stamp_nanoseconds(bench::FlowStamp& stamp) {
  std::vector<std::array<std::uint8_t, 2 * bench::FlowStamp::kBytesMax>> buffers(kBurstMax);
  const auto packets = std::make_unique<std::array<Packet, kBurstMax>>();
  for (std::size_t i = 0; i < kBurstMax; ++i) (*packets)[i].data = buffers[i].data();
  std::uint64_t stamped = 0;
  const double seconds = turn_for(0.1, [&] {
    stamp.write(*packets);
    stamped += kBurstMax;
  });
  return seconds * 1e9 / static_cast<double>(stamped);
}

void take(Worker& worker, Clock& clock, std::uint64_t packets) {
  const std::uint64_t end = worker.books().received.value() + packets;
  while (worker.books().received.value() < end) (void)worker.turn(clock.now());
}

/// Turns until every flow was there, then for the measured time in another order than the first.
/// `times` may be null.
[[nodiscard]] Measured run_worker(Worker& worker, Clock& clock, bench::FlowStamp& stamp,
                                  const Options& options, bench::BurstTimes* times) {
  const Books& books = worker.books();
  take(worker, clock, 1'000'000 + std::uint64_t{2} * options.load.flows);
  stamp.shuffle();
  take(worker, clock, 1'000'000);
  const std::uint64_t packets = books.received.value(), drops = dropped(books);
  const double seconds = turn_for(options.seconds, [&] {
    const std::uint64_t begin = times != nullptr ? rte_rdtsc() : 0;
    (void)worker.turn(clock.now());
    if (times != nullptr) times->add(rte_rdtsc() - begin);
  });
  Measured measured;
  measured.packets = books.received.value() - packets;
  measured.dropped = dropped(books) - drops;
  measured.seconds = seconds;
  return measured;
}

void print(const Options& options, const Measured& measured, double stamp_ns) {
  const auto packets = static_cast<double>(measured.packets);
  std::printf(
      "{\"case\": \"%s\", \"mode\": \"%s\", \"flows\": %u, \"packets\": %llu, \"dropped\": %llu, "
      "\"seconds\": %.4f, \"mpps\": %.3f, \"cycles_per_packet\": %.1f, \"stamp_ns\": %.3f, "
      "\"swaps_per_second\": %.2f, \"burst_us\": [%.2f, %.2f, %.2f]}\n",
      options.load.name.c_str(), options.mode.c_str(), options.load.flows,
      static_cast<unsigned long long>(measured.packets),
      static_cast<unsigned long long>(measured.dropped), measured.seconds,
      packets / measured.seconds / 1e6,
      measured.seconds * static_cast<double>(rte_get_tsc_hz()) / packets, stamp_ns, measured.swaps,
      measured.burst_us[0], measured.burst_us[1], measured.burst_us[2]);
}

[[nodiscard]] WorkerOptions worker_options(const Options& options, CounterBlock& slots,
                                           PortQueue& queue) {
  // Room for all, and a quarter more; where new flows come for ever, the oldest make place.
  const std::uint32_t flows = options.load.flows + options.load.flows / 4;
  WorkerOptions out;
  out.pipeline.slots = &slots;
  out.pipeline.tracking.connections_max = std::max(262'144U, flows);
  out.pipeline.flows_max = std::max(262'144U, flows);
  out.ports = {WorkerPort{.queue = &queue}};
  return out;
}

[[nodiscard]] tl::expected<Measured, Error> run_case(bench::Case& bench, PortQueue& queue,
                                                     PacketPool& pool, const Options& options) {
  MonotonicClock clock;
  SlotRegistry slots(kSlots);
  CounterBlock block(kSlots);
  auto snapshot = compile(bench.sources, 1, slots);
  if (!snapshot) return tl::unexpected(snapshot.error().front());
  Publisher<Snapshot> publisher(1);
  publisher.publish(*snapshot);
  Publisher<Snapshot>::Reader reader(publisher, 0);
  Worker worker(worker_options(options, block, queue), reader, pool);
  std::optional<bench::Swapper> swapper;
  if (options.swaps != 0)
    swapper.emplace(std::move(bench.sources), slots, publisher, options.swaps, options.core);
  bench::BurstTimes times;
  Measured measured =
      run_worker(worker, clock, bench.stamp, options, options.times ? &times : nullptr);
  if (swapper) measured.swaps = swapper->stop();
  const double per_us = static_cast<double>(rte_get_tsc_hz()) / 1e6;
  if (!times.empty())
    measured.burst_us = {static_cast<double>(times.percentile(0.5)) / per_us,
                         static_cast<double>(times.percentile(0.99)) / per_us,
                         static_cast<double>(times.percentile(0.999)) / per_us};
  return measured;
}

int run(const Options& options) {
  nic::PortSpec spec;
  spec.name = "p0";
  spec.mode = options.mode == "null" ? nic::PortMode::null : nic::PortMode::ring;
  nic::EalOptions eal_options;
  eal_options.file_prefix = "sluice-bench-" + std::to_string(getpid());
  eal_options.control_core = options.core;
  auto eal = nic::Eal::start(eal_options, {&spec, 1});
  if (!eal) return give_up(eal.error().text());
  auto ports = nic::open_ports({&spec, 1}, {.workers = 1, .buffers = 32768});
  if (!ports) return give_up(ports.error().text());
  PacketPool& pool = (*ports)->pool();
  if (options.mode == "ring") fill_ring((*ports)->queue(0, 0), pool);

  // Ring ports come without an Ethernet address.
  MacAddress mac = (*ports)->mac(0);
  if (mac == MacAddress{}) mac = {{0x02, 0, 0, 0, 0, 0xfe}};
  bench::Load load = options.load;
  const bool bare = load.name == "bare";
  if (bare) load.name = "forward";
  auto bench = bench::make_case(load, mac);
  if (!bench) return give_up("no case '" + load.name + "'");
  bench::StampedQueue queue((*ports)->queue(0, 0), bench->stamp);
  auto measured = bare ? run_bare(queue, options) : run_case(*bench, queue, pool, options);
  if (!measured) return give_up(measured.error().text());
  print(options, *measured, stamp_nanoseconds(bench->stamp));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  return run(options);
}
