// The whole way of a packet, as one or two workers drive it: bursts of any frames on any port with
// time passing between. Afterwards the books balance, every buffer is back, and what left for a
// wire is a frame that our own parser takes.
#include <array>
#include <deque>

#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/packet/worker.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/world.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kFramesMax = 128;
constexpr std::size_t kFrameMax = 0x7ff;
constexpr unsigned kPorts = 3;

/// The first byte of an input.
namespace option {
constexpr unsigned kTwoWorkers = 1, kTightBuffers = 2, kTraced = 4;
}
/// The first byte before each frame; its two low bits are the port.
namespace control {
constexpr unsigned kPort = 3, kAsItIs = 4, kTimePasses = 8, kLongTimePasses = 16;
}

/// One worker with queues of its own on every port.
class Node {
 public:
  Node(std::uint16_t index, std::uint16_t workers, MemoryPool& pool, Publisher<Snapshot>& publisher,
       TraceChannel* trace, const std::vector<Inbox*>& inboxes)
      : counters_(test::kWorldSlots), reader_(publisher, index) {
    WorkerOptions options;
    options.pipeline.worker = index;
    options.pipeline.workers = workers;
    options.pipeline.slots = &counters_;
    options.pipeline.trace = trace;
    options.pipeline.tracking.connections_max = 16;
    options.pipeline.flows_max = 16;
    options.pipeline.neighbours_max = 16;
    options.inboxes = inboxes;
    for (PortId port = 0; port < kPorts; ++port) {
      queues_.emplace_back(port, pool);
      options.ports.push_back({.queue = &queues_.back(), .spread = workers > 1});
    }
    worker_ = std::make_unique<Worker>(options, reader_, pool);
  }

  MemoryQueue& queue(PortId port) { return queues_[port]; }
  void turn(Nanoseconds now) { worker_->turn(now); }
  [[nodiscard]] const Books& books() const { return worker_->books(); }

 private:
  CounterBlock counters_;
  Publisher<Snapshot>::Reader reader_;
  std::deque<MemoryQueue> queues_;
  std::unique_ptr<Worker> worker_;
};

class World {
 public:
  explicit World(unsigned options)
      : pool_((options & option::kTightBuffers) != 0 ? MemoryPool::Layout{.headroom = 0, .room = 64}
                                                     : MemoryPool::Layout{}),
        publisher_(2) {
    publisher_.publish(test::world_snapshot());
    const std::uint16_t workers = (options & option::kTwoWorkers) != 0 ? 2 : 1;
    std::vector<Inbox*> inboxes;
    if (workers > 1) {
      for (unsigned i = 0; i < workers; ++i)
        inboxes.push_back(&inboxes_.emplace_back(workers, Inbox::Capacity{16, 16, 16}));
    }
    static TraceChannel trace(16);
    if ((options & option::kTraced) != 0) {
      TraceFilter all;
      all.id = 1;
      static_cast<void>(trace.filters.put(all));
    }
    for (std::uint16_t i = 0; i < workers; ++i)
      nodes_.emplace_back(i, workers, pool_, publisher_, i == 0 ? &trace : nullptr, inboxes);
    trace_ = &trace;
  }

  void push(unsigned control, std::span<const std::uint8_t> frame) {
    const auto port = static_cast<PortId>((control & control::kPort) % kPorts);
    test::Bytes bytes(frame.begin(), frame.end());
    if ((control & control::kAsItIs) == 0) bytes = test::with_checksums(std::move(bytes));
    const std::uint16_t flags = port == test::kHost ? packet_flag::kFromHost : std::uint16_t{0};
    nodes_[pushed_++ % nodes_.size()].queue(port).push(std::move(bytes), flags);
  }

  void turn(Nanoseconds elapsed) {
    now_ += elapsed;
    for (Node& node : nodes_) node.turn(now_);
    for (Node& node : nodes_)
      for (PortId port = 0; port < kPorts; ++port)
        for (const auto& frame : node.queue(port).take_sent()) check_sent(frame);
    std::array<TraceRecord, 16> records;
    while (trace_->records.take(records) != 0) continue;
  }

  /// Long enough for everything that waits to be sent or given up.
  void finish() {
    for (int i = 0; i < 8; ++i) turn(kSecond);
    std::uint64_t received = 0;
    std::uint64_t ends = 0;
    for (const Node& node : nodes_) {
      const Books& books = node.books();
      received += books.received.value();
      ends += books.sent.value() + books.answered.value() + books.punted.value();
      for (const Counter& dropped : books.dropped) ends += dropped.value();
      // A packet held by one worker may be let go through another: only the sum counts.
      ends += books.held_now.value();
      require(books.dropped[static_cast<unsigned>(DropReason::none)].value() == 0,
              "every packet has a verdict, every drop a reason");
    }
    require(received == pushed_, "what arrived was received");
    require(received == ends, "the books balance");
    require(pool_.outstanding() == 0, "every buffer is given back");
  }

 private:
  /// Frames are checked with the checksums that they carry.
  static void check_sent(const MemoryQueue::Frame& frame) {
    Packet packet;
    test::Bytes copy = frame;
    packet.data = copy.data();
    packet.length = static_cast<std::uint16_t>(copy.size());
    const DropReason reason = parse(packet);
    if (reason != DropReason::none)
      std::fprintf(stderr, "a frame of %zu bytes is refused: %s\n", frame.size(),
                   std::string(name_of(reason)).c_str());
    require(reason == DropReason::none, "what is sent can be received");
  }

  MemoryPool pool_;
  Publisher<Snapshot> publisher_;
  std::deque<Inbox> inboxes_;
  std::deque<Node> nodes_;
  TraceChannel* trace_ = nullptr;
  Nanoseconds now_ = kSecond;
  std::size_t pushed_ = 0;
};

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  Input input(data, size);
  World world(input.u8());
  for (std::size_t frames = 0; frames < kFramesMax && !input.empty(); ++frames) {
    const unsigned control = input.u8();
    if ((control & control::kTimePasses) != 0) world.turn(kMillisecond);
    if ((control & control::kLongTimePasses) != 0) world.turn(40 * kSecond);
    world.push(control, input.take(input.u16() & kFrameMax));
  }
  world.finish();
  return 0;
}
