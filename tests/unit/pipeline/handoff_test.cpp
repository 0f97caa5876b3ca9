// Several workers: flows have one owner wherever their packets arrive, ports are reached through
// others, and what is on the way between workers is in the books once.
#include <random>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/spread.hpp"
#include "tests/unit/pipeline/crew.hpp"

namespace sluice::test {
namespace {

CrewOptions workers(std::uint16_t count) {
  CrewOptions options;
  options.workers = count;
  return options;
}

std::uint16_t owner_of(const Bytes& frame, std::uint16_t workers_count) {
  return worker_of(key_of(frame), HashSeed{}, workers_count);
}

/// A packet to a backend whose flow belongs to `owner`.
Bytes owned_by(std::uint16_t owner, std::uint16_t workers_count) {
  for (std::uint16_t port = 1;; ++port) {
    Bytes frame = from_client("198.18.1.11").udp(port, 9).build();
    if (owner_of(frame, workers_count) == owner) return frame;
  }
}

class Spreading : public ::testing::TestWithParam<std::uint16_t> {};

/// Replies of the backends, which know nothing of our hash, may arrive anywhere.
TEST_P(Spreading, RepliesOfAServiceFindTheirFlow) {
  const std::uint16_t count = GetParam();
  Crew crew(lab_with("ct state established accept\niifname \"lan\" drop"), workers(count));
  std::mt19937 random(count);
  const auto any = [&] { return static_cast<std::uint16_t>(random() % count); };
  constexpr std::uint16_t kFlows = 300;
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    const auto port = static_cast<std::uint16_t>(2000 + i);
    crew.push(kWan, from_client("198.18.100.80").tcp(port, 80, tcp_flag::kSyn).build(), any());
  }
  crew.turn_all();
  const auto to_backends = crew.sent(kLan);
  ASSERT_EQ(kFlows, to_backends.size());
  for (const Bytes& frame : to_backends) {
    const FlowKey key = key_of(frame);
    crew.push(kLan,
              from_backend(key.destination.text().c_str())
                  .tcp(8080, key.source_port, tcp_flag::kSyn | tcp_flag::kAck, 1, 2)
                  .build(),
              any());
  }
  crew.turn_all();
  const auto to_clients = crew.sent(kWan);
  EXPECT_EQ(kFlows, to_clients.size()) << "each belongs to its connection";
  for (const Bytes& frame : to_clients) {
    EXPECT_EQ(ip("198.18.100.80"), key_of(frame).source);
    EXPECT_EQ(80, key_of(frame).source_port);
  }
  EXPECT_EQ(0U, crew.dropped(DropReason::rule));
  EXPECT_GE(crew.total(&Books::handed), count > 1 ? kFlows / 2U : 0U);
  crew.expect_balanced();
}

TEST_P(Spreading, BothDirectionsOfAConnectionMeet) {
  const std::uint16_t count = GetParam();
  Crew crew(lab_with("ct state established accept\niifname \"lan\" drop"), workers(count));
  for (std::uint16_t i = 0; i < 100; ++i) {
    const auto port = static_cast<std::uint16_t>(2000 + i);
    crew.push(kWan, from_client("198.18.1.11").udp(port, 9).build(),
              static_cast<std::uint16_t>(i % count));
  }
  crew.turn_all();
  for (std::uint16_t i = 0; i < 100; ++i) {
    const auto port = static_cast<std::uint16_t>(2000 + i);
    crew.push(kLan, from_backend().udp(9, port).build(), static_cast<std::uint16_t>(i / 2 % count));
  }
  crew.turn_all();
  EXPECT_EQ(100U, crew.sent(kWan).size());
  crew.expect_balanced();
}

TEST_P(Spreading, AnyTrafficBalancesTheBooks) {
  const std::uint16_t count = GetParam();
  CrewOptions options = workers(count);
  options.inbox = {.packets = 7, .redirects = 3, .neighbours = 3};
  Crew crew(lab_with("tcp dport 2323 drop"), options);
  std::mt19937 random(count);
  for (int round = 0; round < 2'000; ++round) {
    for (auto i = random() % 40; i > 0; --i) {
      const auto port = static_cast<std::uint16_t>(random());
      const char* targets[] = {"198.18.100.80", "198.18.1.11", "198.18.1.99", "198.18.0.1",
                               "203.0.113.1"};
      Bytes frame = from_client(targets[random() % 5]).tcp(port, 80, tcp_flag::kSyn).build();
      if (random() % 8 == 0) frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
      crew.push(kWan, std::move(frame), static_cast<std::uint16_t>(random() % count));
    }
    if (random() % 16 == 0) crew.queue(kLan, 0).limit_sending(random() % 50);
    crew.turn(static_cast<std::uint16_t>(random() % count));
    crew.now += random() % (100 * kMillisecond);
  }
  crew.turn_all();
  EXPECT_GT(crew.total(&Books::received), 10'000U);
  crew.expect_balanced();
}

INSTANTIATE_TEST_SUITE_P(Workers, Spreading, ::testing::Values(1, 2, 3, 8));

TEST(Handoff, BothDirectionsHaveOneOwnerAndAllWorkersHaveSome) {
  std::array<unsigned, 5> share{};
  for (std::uint16_t port = 1; port <= 5'000; ++port) {
    const FlowKey key = key_of(from_client("198.18.1.11").udp(port, 9).build());
    const std::uint16_t owner = worker_of(key, HashSeed{}, 5);
    EXPECT_EQ(owner, worker_of(key.reversed(), HashSeed{}, 5));
    ++share.at(owner);
  }
  for (const unsigned flows : share) EXPECT_NEAR(1'000, flows, 150);
}

TEST(Handoff, APacketIsDecidedByItsOwner) {
  Crew crew(lab(), workers(2));
  crew.push(kWan, owned_by(1, 2), 0);
  crew.turn(0);
  EXPECT_EQ(1U, crew.books(0).received.value());
  EXPECT_EQ(1U, crew.books(0).handed.value());
  EXPECT_EQ(0U, crew.books(0).sent.value());
  crew.turn(1);
  EXPECT_EQ(0U, crew.books(1).received.value());
  EXPECT_EQ(1U, crew.books(1).sent.value());
  EXPECT_EQ(1U, crew.queue(kLan, 1).take_sent().size());
}

TEST(Handoff, AnIcmpErrorGoesToTheOwnerOfTheFlowItIsAbout) {
  const Bytes about = owned_by(1, 2);
  for (std::uint16_t arrives = 0; arrives < 2; ++arrives) {
    Crew crew(lab_with("ct state established,related accept\niifname \"lan\" drop"), workers(2));
    crew.push(kWan, about, arrives);
    crew.turn_all();
    const Bytes quote(about.begin() + 14, about.end());
    crew.push(kLan, from_backend().icmp(3, 3).payload(quote).build(), arrives);
    crew.turn_all();
    EXPECT_EQ(1U, crew.sent(kWan).size()) << "related";
    EXPECT_EQ(2U, crew.books(1).sent.value());
  }
}

TEST(Handoff, AFullRingIsCounted) {
  CrewOptions options = workers(2);
  options.inbox.packets = 7;
  Crew crew(lab(), options);
  const Bytes frame = owned_by(1, 2);
  for (int i = 0; i < 20; ++i) crew.push(kWan, frame, 0);
  crew.turn(0);
  EXPECT_EQ(13U, crew.dropped(DropReason::handoff_full));
  EXPECT_EQ(7U, crew.books(0).handed.value());
  crew.turn(1);
  EXPECT_EQ(7U, crew.sent(kLan).size());
  crew.expect_balanced();
}

/// No packet goes round in circles, whatever stale redirects say.
TEST(Handoff, AThirdHopIsRefused) {
  MemoryPool pool;
  MemoryQueue queue(kWan, pool);
  Books books;
  Inbox mine(2);
  Inbox theirs(2);
  Transmitter transmitter(0, {{&queue, 0}}, {&mine, &theirs}, pool, books);
  auto burst = std::make_unique<Burst>();
  const std::uint16_t hops[] = {0, packet_flag::kHanded,
                                packet_flag::kHanded | packet_flag::kHandedAgain};
  for (const std::uint16_t flags : hops) {
    Packet& p = burst->packets[burst->count++];
    ASSERT_TRUE(pool.load(p, Bytes(60)));
    p.flags = flags;
    p.handed_to = 1;
    p.verdict = Verdict::handed;
  }
  transmitter.settle(*burst);
  EXPECT_EQ(2U, books.handed.value());
  EXPECT_EQ(1U, books.dropped[static_cast<unsigned>(DropReason::handoff_full)].value());
  std::array<Packet, 4> arrived;
  ASSERT_EQ(2U, theirs.packets.take(arrived));
  EXPECT_FALSE(arrived[0].has(packet_flag::kHandedAgain));
  EXPECT_TRUE(arrived[1].has(packet_flag::kHandedAgain));
  for (Packet& p : std::span(arrived).first(2)) pool.release(p);
  EXPECT_EQ(0U, pool.outstanding());
}

TEST(Handoff, AWorkerWithoutQueuesSendsThroughAnother) {
  CrewOptions options = workers(2);
  options.with_queues = 1;
  Crew crew(lab(), options);
  crew.push(kWan, owned_by(1, 2), 0);
  crew.turn(0);  // hands it over
  crew.turn(1);  // decides, and hands it back to be sent
  EXPECT_EQ(0U, crew.total(&Books::sent));
  crew.turn(0);
  EXPECT_EQ(1U, crew.books(0).sent.value());
  EXPECT_EQ(1U, crew.queue(kLan, 0).take_sent().size());
  crew.expect_balanced();
}

TEST(Handoff, WhatOneHearsOfANeighbourTheOthersKnow) {
  Crew crew(lab(), workers(2));
  std::uint16_t port = 1;
  Bytes frame;
  do {
    frame = from_client("198.18.1.77").udp(port++, 9).build();
  } while (owner_of(frame, 2) != 1);
  crew.push(kWan, frame, 1);
  crew.turn(1);
  EXPECT_EQ(1U, crew.books(1).held_now.value());
  EXPECT_EQ(1U, crew.sent(kLan).size()) << "the request";
  crew.push(kLan, packet().arp(2, kTheirMac, "198.18.1.77", kOurMac, "198.18.1.1").build(), 0);
  crew.turn(0);
  crew.turn(1);
  EXPECT_EQ(0U, crew.books(1).held_now.value());
  EXPECT_EQ(1U, crew.queue(kLan, 1).take_sent().size());
  crew.expect_balanced();
}

}  // namespace
}  // namespace sluice::test
