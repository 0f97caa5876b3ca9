/// The whole path on one core: a real DPDK port (null or ring), a worker, one case. Prints one line
/// of JSON. bench/area_packet.py runs it beside testpmd on the same kind of port.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <rte_cycles.h>
#include <time.h>

#include "bench/path/cases.hpp"
#include "dataplane/nic/eal.hpp"
#include "dataplane/nic/port.hpp"
#include "dataplane/packet/worker.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace {

using namespace sluice;  // NOLINT: a program of one file

struct Options {
  std::string mode = "null";
  std::string name = "forward";
  std::uint32_t flows = 100'000;
  double seconds = 1;
  unsigned core = 0;
};

[[nodiscard]] bool read(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i], value = argv[i + 1];
    if (key == "--mode")
      options.mode = value;
    else if (key == "--case")
      options.name = value;
    else if (key == "--flows")
      options.flows = static_cast<std::uint32_t>(std::stoul(value));
    else if (key == "--seconds")
      options.seconds = std::stod(value);
    else if (key == "--core")
      options.core = static_cast<unsigned>(std::stoul(value));
    else
      return false;
  }
  return argc % 2 == 1 && (options.mode == "null" || options.mode == "ring");
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
  double seconds = 0;  ///< of the processor
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

[[nodiscard]] Measured run_bare(PortQueue& queue, const Options& options) {
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

/// Turns until every flow was there, then for the measured time.
[[nodiscard]] Measured run_worker(Worker& worker, Clock& clock, const Options& options) {
  constexpr std::uint64_t kTimesEach = 2;
  const Books& books = worker.books();
  while (books.received.value() < 1'000'000 + kTimesEach * options.flows)
    (void)worker.turn(clock.now());
  const std::uint64_t packets = books.received.value(), drops = dropped(books);
  const double seconds = turn_for(options.seconds, [&] { (void)worker.turn(clock.now()); });
  return {books.received.value() - packets, dropped(books) - drops, seconds};
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
  auto bench =
      bench::make_case(options.name == "bare" ? "forward" : options.name, options.flows, mac);
  if (!bench) return give_up("no case '" + options.name + "'");
  bench::StampedQueue queue((*ports)->queue(0, 0), bench->stamp);
  MonotonicClock clock;
  Measured measured;
  if (options.name == "bare") {
    measured = run_bare(queue, options);
  } else {
    SlotRegistry slots(65536);
    CounterBlock block(65536);
    auto snapshot = compile(bench->sources, 1, slots);
    if (!snapshot) return give_up(snapshot.error().front().text());
    Publisher<Snapshot> publisher(1);
    publisher.publish(*snapshot);
    Publisher<Snapshot>::Reader reader(publisher, 0);
    WorkerOptions worker_options;
    worker_options.pipeline.slots = &block;
    worker_options.pipeline.tracking.connections_max = std::max(262'144U, 2 * options.flows);
    worker_options.pipeline.flows_max = std::max(262'144U, 2 * options.flows);
    worker_options.ports = {WorkerPort{.queue = &queue}};
    Worker worker(worker_options, reader, pool);
    measured = run_worker(worker, clock, options);
  }
  std::printf(
      "{\"case\": \"%s\", \"mode\": \"%s\", \"flows\": %u, \"packets\": %llu, \"dropped\": %llu, "
      "\"seconds\": %.4f, "
      "\"mpps\": %.3f, \"cycles_per_packet\": %.1f, \"stamp_ns\": %.3f}\n",
      options.name.c_str(), options.mode.c_str(), options.flows,
      static_cast<unsigned long long>(measured.packets),
      static_cast<unsigned long long>(measured.dropped), measured.seconds,
      static_cast<double>(measured.packets) / measured.seconds / 1e6,
      measured.seconds * static_cast<double>(rte_get_tsc_hz()) /
          static_cast<double>(measured.packets),
      stamp_nanoseconds(bench->stamp));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read(argc, argv, options)) {
    std::fprintf(
        stderr,
        "path_bench [--mode null|ring] [--case bare|forward|filter|balance|dns] [--flows N] "
        "[--seconds S] [--core N]\n");
    return 2;
  }
  return run(options);
}
