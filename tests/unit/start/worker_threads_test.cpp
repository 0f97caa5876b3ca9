// Workers as the daemon runs them, each on a thread of its own, while the control thread swaps
// snapshots, reads counters and traces. What ThreadSanitizer is to see.
#include <array>
#include <atomic>
#include <deque>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/worker.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/world.hpp"

namespace sluice {
namespace {

using test::PacketBuilder;

constexpr std::uint16_t kWorkers = 2;
constexpr PortId kPorts = 2;
constexpr unsigned kRounds = 400;

PacketBuilder from(const char* source, const char* destination) {
  PacketBuilder builder;
  builder.ip(source, destination);
  return builder;
}

/// Flows of both directions, so that most packets are handed to another worker by one of two.
std::vector<std::pair<PortId, test::Bytes>> traffic(unsigned round) {
  const auto port = static_cast<std::uint16_t>(1024 + round % 64);
  return {
      {test::kWan, from("198.18.0.2", "198.18.100.80").tcp(port, 80, tcp_flag::kSyn).build()},
      {test::kWan, from("2001:2::2", "2001:2:0:100::82").udp(port, 7).payload("echo").build()},
      {test::kWan, from("198.18.0.2", "198.18.1.11").udp(port, 4000).payload("routed").build()},
      {test::kWan, from("198.18.0.2", "198.18.1.77").udp(port, 4000).build()},  // never resolved
      {test::kWan, from("198.18.0.2", "198.18.0.1").echo_request(port).build()},
      {test::kLan, from("198.18.1.11", "198.18.0.2").tcp(8080, port, tcp_flag::kAck).build()},
      {test::kLan, from("2001:2:0:1::11", "2001:2::2").udp(7, port).payload("echo").build()},
      {test::kLan,
       PacketBuilder().arp(2, test::kTheirMac, "198.18.1.12", test::kOurMac, "198.18.1.1").build()},
  };
}

/// One worker with all that is its own. Its queues are touched by its thread alone.
struct Lane {
  Lane(std::uint16_t index, const std::vector<Inbox*>& inboxes, Publisher<Snapshot>& publisher,
       MemoryPool& pool)
      : slots(test::kWorldSlots), trace(64), reader(publisher, index) {
    WorkerOptions options;
    options.pipeline.worker = index;
    options.pipeline.workers = kWorkers;
    options.pipeline.slots = &slots;
    options.pipeline.trace = &trace;
    options.pipeline.tracking.connections_max = 256;
    options.pipeline.flows_max = 256;
    options.inboxes = inboxes;
    for (PortId port = 0; port < kPorts; ++port) {
      queues.emplace_back(port, pool);
      options.ports.push_back({.queue = &queues.back(), .spread = true});
    }
    worker = std::make_unique<Worker>(options, reader, pool);
    reader.offline();
  }

  void run() {
    reader.online();
    for (unsigned round = 0; round < kRounds; ++round) {
      for (auto& [port, frame] : traffic(round)) queues[port].push(std::move(frame));
      now += kMillisecond;
      worker->turn(now);
      for (MemoryQueue& queue : queues) static_cast<void>(queue.take_sent());
    }
    reader.offline();
    done = true;
  }

  CounterBlock slots;
  TraceChannel trace;
  Publisher<Snapshot>::Reader reader;
  std::deque<MemoryQueue> queues;
  std::unique_ptr<Worker> worker;
  Nanoseconds now = kSecond;
  std::atomic<bool> done = false;
};

struct Sums {
  std::uint64_t received = 0, ended = 0, handed = 0;
};

Sums sums_of(const std::deque<Lane>& lanes) {
  Sums sums;
  for (const Lane& lane : lanes) {
    const Books& books = lane.worker->books();
    sums.received += books.received.value();
    sums.handed += books.handed.value();
    sums.ended +=
        books.sent.value() + books.answered.value() + books.punted.value() + books.held_now.value();
    for (const Counter& dropped : books.dropped) sums.ended += dropped.value();
  }
  return sums;
}

std::shared_ptr<const Snapshot> snapshot_of(std::uint64_t revision, SlotRegistry& registry) {
  Sources sources = test::world_sources();
  // Another backend in every second revision, so that tables and pointers really differ.
  if (revision % 2 == 0) sources.balancer.services[0].backends.pop_back();
  auto compiled = compile(sources, revision, registry);
  if (!compiled) throw std::logic_error(compiled.error().front().text());
  return *compiled;
}

TEST(WorkerThreads, ForwardHandOverAndCountWhileSnapshotsAreSwapped) {
  MemoryPool pool;
  Publisher<Snapshot> publisher(kWorkers);
  SlotRegistry registry(test::kWorldSlots);
  publisher.publish(snapshot_of(1, registry));
  std::deque<Inbox> inboxes;
  std::vector<Inbox*> inbox_list;
  for (unsigned i = 0; i < kWorkers; ++i) inbox_list.push_back(&inboxes.emplace_back(kWorkers));
  std::deque<Lane> lanes;
  for (std::uint16_t i = 0; i < kWorkers; ++i) lanes.emplace_back(i, inbox_list, publisher, pool);

  // Traced from the first packet on: on a busy machine the workers may be done before we look.
  TraceFilter filter;
  filter.id = 1;
  for (Lane& lane : lanes) static_cast<void>(lane.trace.filters.put(filter));
  std::vector<std::thread> threads;
  for (Lane& lane : lanes) threads.emplace_back([&lane] { lane.run(); });
  std::uint64_t traced = 0;
  std::array<TraceRecord, 16> records;
  const auto running = [&] { return !lanes[0].done || !lanes[1].done; };
  for (std::uint64_t revision = 2; running(); ++revision) {
    publisher.publish(snapshot_of(revision, registry));
    filter.id = revision % 4 == 0 ? 0 : static_cast<std::uint32_t>(revision);
    for (Lane& lane : lanes) {
      static_cast<void>(lane.trace.filters.put(filter));
      traced += lane.trace.records.take(records);
      static_cast<void>(lane.slots.read(1));
    }
    const Sums sums = sums_of(lanes);
    EXPECT_LE(sums.received, std::uint64_t{kWorkers} * kRounds * traffic(0).size());
  }
  for (std::thread& thread : threads) thread.join();

  // What is in the rings still, and what waits for a neighbour that does not answer.
  for (int second = 0; second < 8; ++second) {
    bool busy = true;
    while (busy) {
      busy = false;
      for (Lane& lane : lanes) busy |= lane.worker->turn(lane.now);
    }
    for (Lane& lane : lanes) lane.now += kSecond;
  }
  for (Lane& lane : lanes) traced += lane.trace.records.take(records);
  const Sums sums = sums_of(lanes);
  EXPECT_EQ(std::uint64_t{kWorkers} * kRounds * traffic(0).size(), sums.received);
  EXPECT_EQ(sums.received, sums.ended) << "the books balance";
  EXPECT_GT(sums.handed, 0U);
  EXPECT_GT(traced, 0U);
  EXPECT_EQ(0U, pool.outstanding());
  for (Lane& lane : lanes) lane.reader.offline();
  publisher.collect();
  EXPECT_EQ(0U, publisher.retired()) << "nobody can see an old snapshot";
}

}  // namespace
}  // namespace sluice
