// A worker takes all its memory before it starts: not one allocation while it turns, whatever
// comes.
#include <atomic>
#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "dataplane/packet/question_table.hpp"
#include "dataplane/packet/why.hpp"
#include "dataplane/packet/worker.hpp"
#include "tests/support/packet_builder.hpp"

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {
/// Allocations of this thread while it counts.
thread_local bool counting = false;
thread_local std::uint64_t allocations = 0;
void note() {
  if (counting) ++allocations;
}
}  // namespace

// In place of the C library's, for this binary: operator new ends here too.
extern "C" {
void* malloc(std::size_t size) {
  note();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  note();
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  note();
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  note();
  return __libc_memalign(alignment, size);
}
}

namespace sluice {
namespace {

constexpr std::size_t kBuffers = 4096;
constexpr std::size_t kHeadroom = 128;
constexpr std::size_t kRoom = 1920;

/// A fixed set of buffers, as a mempool is.
class FixedPool final : public PacketPool {
 public:
  FixedPool() : memory_(kBuffers * (kHeadroom + kRoom)) {
    free_.reserve(kBuffers);
    for (std::size_t i = 0; i < kBuffers; ++i) free_.push_back(&memory_[i * (kHeadroom + kRoom)]);
  }
  bool allocate(Packet& packet) override {
    if (free_.empty()) return false;
    packet.owner = free_.back();
    packet.data = free_.back() + kHeadroom;
    packet.room = kRoom;
    packet.headroom = kHeadroom;
    free_.pop_back();
    return true;
  }
  void release(Packet& packet) override {
    free_.push_back(static_cast<std::uint8_t*>(packet.owner));
  }
  [[nodiscard]] std::size_t free() const { return free_.size(); }

 private:
  std::vector<std::uint8_t> memory_;
  std::vector<std::uint8_t*> free_;
};

/// Receives the same frames again and again, with another source port each time; sends into
/// nothing.
class LoopQueue final : public PortQueue {
 public:
  LoopQueue(PortId port, FixedPool& pool, std::vector<test::Bytes> frames)
      : port_(port), pool_(pool), frames_(std::move(frames)) {}

  unsigned receive(std::span<Packet> packets) override {
    unsigned n = 0;
    for (; n < packets.size() && n < frames_.size(); ++n) {
      const test::Bytes& frame = frames_[n];
      Packet& packet = packets[n] = Packet{};
      if (!pool_.allocate(packet)) break;
      std::memcpy(packet.data, frame.data(), frame.size());
      packet.length = static_cast<std::uint16_t>(frame.size());
      packet.in_port = port_;
    }
    return n;
  }
  unsigned send(std::span<Packet* const> packets) override {
    release(packets);
    return static_cast<unsigned>(packets.size());
  }
  void release(std::span<Packet* const> packets) override {
    for (Packet* packet : packets) pool_.release(*packet);
  }
  void set_frames(std::vector<test::Bytes> frames) { frames_ = std::move(frames); }
  [[nodiscard]] const test::Bytes& frame(std::size_t i) const { return frames_[i]; }

 private:
  PortId port_;
  FixedPool& pool_;
  std::vector<test::Bytes> frames_;
};

struct AllFlows {
  using Row = balancer::Flow;
  static std::uint32_t places(const Pipeline& p) { return p.flows().capacity(); }
  static std::uint32_t size(const Pipeline& p) { return p.flows().size(); }
  static bool row(const Pipeline& p, std::uint32_t place, Nanoseconds now, Row& out) {
    const Row* flow = p.flows().record(place, balancer::ticks_of(now));
    if (flow != nullptr) out = *flow;
    return flow != nullptr;
  }
};

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

/// Two ports, a service with two backends, a filter, a zone.
Sources sources() {
  Sources out;
  for (const auto& [name, prefix] : {std::pair{"wan", "198.18.0.1/24"}, {"lan", "198.18.1.1/24"}}) {
    route::PortSource port;
    port.name = name;
    port.id = static_cast<PortId>(out.route.ports.size());
    port.mac = test::kOurMac;
    port.addresses = {*Prefix::parse(prefix)};
    out.route.ports.push_back(port);
  }
  out.route.ports[1].neighbours = {{address("198.18.1.11"), test::kTheirMac}};
  out.route.ports[0].neighbours = {{address("198.18.0.2"), test::kTheirMac}};
  balancer::ServiceSource web;
  web.name = "web";
  web.addresses = {address("198.18.100.80")};
  web.port = 80;
  web.protocol = ip_protocol::kTcp;
  web.table_size = 1021;
  web.backends = {{.name = "be1", .addresses = {address("198.18.1.11")}, .port = 8080}};
  out.balancer.services = {web};
  out.balancer.flows_max = 4096;
  out.dns.zones = {{"example.test",
                    "$TTL 60\n@ IN SOA ns hostmaster 1 2 3 4 5\n@ IN NS ns\nns IN A 198.18.0.1\n"
                    "www IN A 198.18.100.80\n",
                    "zone"}};
  out.dns.servers = {{.name = "dns", .addresses = {address("198.18.100.53")}}};
  out.firewall.rules = {{"edge",
                         "table inet filter {\n"
                         "  chain forward {\n"
                         "    type filter hook forward priority 0; policy accept;\n"
                         "    ct state established accept\n"
                         "    tcp dport 2323 counter drop\n"
                         "  }\n"
                         "}\n",
                         "edge:1"}};
  out.firewall.ports = {{"wan", 0}, {"lan", 1}};
  out.firewall.tracking.connections_max = 4096;
  return out;
}

test::PacketBuilder from_client(const char* destination) {
  test::PacketBuilder builder;
  builder.ethernet(test::kOurMac, test::kTheirMac).ip("198.18.0.2", destination);
  return builder;
}

/// Something for every room, with fresh flows for each `round`.
std::vector<test::Bytes> traffic(unsigned round) {
  const auto port = static_cast<std::uint16_t>(1024 + round);
  return {
      from_client("198.18.100.80").tcp(port, 80, tcp_flag::kSyn).build(),
      from_client("198.18.100.53").udp(port, 53).payload(test::dns_query()).build(),
      from_client("198.18.1.11").tcp(port, 2323, tcp_flag::kSyn).build(),
      from_client("198.18.1.11").udp(port, 7).payload("forwarded").build(),
      from_client("198.18.1.77").udp(port, 7).payload("its neighbour never answers").build(),
      from_client("198.18.0.1").echo_request(port).build(),
      from_client("203.0.113.1").udp(port, 7).payload("no route").build(),
      from_client("198.18.1.11").ttl(1).udp(port, 7).payload("time exceeded").build(),
      test::PacketBuilder()
          .arp(1, test::kTheirMac, "198.18.0.2", MacAddress{}, "198.18.0.1")
          .build(),
      test::Bytes(10, 0xff),
  };
}

TEST(NoAllocationAfterStart, WhateverComes) {
  SlotRegistry slots(256);
  CounterBlock counters(256);
  Publisher<Snapshot> publisher(1);
  const Sources state = sources();
  auto snapshot = compile(state, 1, slots);
  ASSERT_TRUE(snapshot) << snapshot.error()[0].text();
  publisher.publish(*snapshot);

  FixedPool pool;
  LoopQueue wan(0, pool, {});
  LoopQueue lan(1, pool, {});
  TraceChannel trace;
  Publisher<Snapshot>::Reader reader(publisher, 0);
  WorkerOptions options;
  options.pipeline.slots = &counters;
  options.pipeline.trace = &trace;
  options.pipeline.tracking = state.firewall.tracking;
  options.pipeline.flows_max = state.balancer.flows_max;
  options.ports = {{&wan}, {&lan}};
  QuestionChannel questions;
  options.questions = &questions;
  Worker worker(options, reader, pool);

  TraceFilter everything;
  everything.id = 1;
  ASSERT_TRUE(trace.filters.put(everything));
  Nanoseconds now = kSecond;
  std::uint64_t turns = 0;
  for (unsigned round = 0; round < 2000; ++round) {
    wan.set_frames(traffic(round));
    Rehearsal why(options.pipeline, 256, {.frame = wan.frame(round % 8)});
    TableQuestion<AllFlows> table(64);
    for (Question* question : {static_cast<Question*>(&why), static_cast<Question*>(&table)})
      ASSERT_TRUE(questions.asked.put(question));
    std::array<Question*, 2> answered{};
    counting = true;
    for (int turn = 0; turn < 3 || answered[1] == nullptr; ++turn, ++turns) {
      worker.turn(now += kMillisecond);
      Question*& next = answered[answered[0] == nullptr ? 0 : 1];
      if (next == nullptr) (void)questions.answered.take(next);
    }
    counting = false;
    EXPECT_EQ(&why, answered[0]);
    EXPECT_EQ(&table, answered[1]);
  }
  EXPECT_EQ(0U, allocations);

  // It was real traffic: every kind of end was met.
  const Books& books = worker.books();
  EXPECT_EQ(10 * turns, books.received.value());
  EXPECT_GT(books.sent.value(), 0U);
  EXPECT_GT(books.answered.value(), 0U);
  for (const DropReason reason : {DropReason::rule, DropReason::neighbour_queue_full,
                                  DropReason::frame_truncated, DropReason::icmp_rate}) {
    EXPECT_GT(books.dropped[static_cast<unsigned>(reason)].value(), 0U) << name_of(reason);
  }
  std::uint64_t ends =
      books.sent.value() + books.answered.value() + books.punted.value() + books.held_now.value();
  for (const Counter& dropped : books.dropped) ends += dropped.value();
  EXPECT_EQ(books.received.value(), ends) << "the books balance";
}

TEST(NoAllocationAfterStart, TheCounterCounts) {
  counting = true;
  const std::uint64_t before = allocations;
  auto one = std::make_unique<std::vector<int>>(100);
  const std::uint64_t after = allocations;
  counting = false;
  EXPECT_EQ(2U, after - before);
  EXPECT_EQ(100U, one->size());
}

}  // namespace
}  // namespace sluice
