// One worker's turns: what it takes, what it sends, and that its books balance.
#include <gmock/gmock.h>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/packet/bytes.hpp"
#include "tests/unit/pipeline/crew.hpp"

namespace sluice::test {
namespace {

Bytes to_backend(std::uint16_t port = 5000) {
  return from_client("198.18.1.11").udp(port, 9).build();
}
Bytes to_host() {
  return from_client("198.18.0.1").udp(5000, 161).build();
}
std::uint64_t value(const Counter& counter) {
  return counter.value();
}

TEST(Worker, ReceivesNothingBeforeTheFirstSnapshot) {
  CrewOptions options;
  options.publish = false;
  Crew crew(lab(), options);
  crew.push(kWan, to_backend());
  EXPECT_FALSE(crew.turn());
  EXPECT_EQ(0U, value(crew.books().received));
  crew.publish(lab());
  EXPECT_TRUE(crew.turn());
  EXPECT_EQ(1U, value(crew.books().sent));
}

TEST(Worker, SaysWhetherThereWasAnythingToDo) {
  Crew crew(lab());
  EXPECT_FALSE(crew.turn());
  crew.push(kLan, from_backend().udp(9, 5000).build());
  EXPECT_TRUE(crew.turn());
  EXPECT_FALSE(crew.turn());
}

TEST(Worker, TakesABurstFromEachQueueInATurnAndNotesItsSize) {
  Crew crew(lab());
  for (unsigned i = 0; i < kBurstMax + 5; ++i) crew.push(kWan, to_backend());
  for (unsigned i = 0; i < 3; ++i) crew.push(kLan, from_backend().udp(9, 5000).build());
  crew.turn();
  EXPECT_EQ(kBurstMax + 3U, value(crew.books().received));
  crew.turn();
  EXPECT_EQ(kBurstMax + 8U, value(crew.books().received));
  std::vector<std::uint64_t> sizes;
  for (const Counter& counter : crew.worker().burst_sizes()) sizes.push_back(counter.value());
  EXPECT_THAT(sizes, ::testing::ElementsAre(0, 1, 1, 0, 0, 0, 1)) << "3, 5 and 64 packets";
  EXPECT_EQ(kBurstMax + 8U, value(crew.books().sent));
  crew.expect_balanced();
}

TEST(Worker, CountsWhatAFullQueueDidNotTake) {
  Crew crew(lab());
  crew.queue(kLan).limit_sending(2);
  for (int i = 0; i < 5; ++i) crew.push(kWan, to_backend());
  crew.push(kLan, from_backend().udp(9, 5000).build());
  crew.turn();
  EXPECT_EQ(3U, crew.dropped(DropReason::tx_full));
  EXPECT_EQ(3U, value(crew.books().sent)) << "two by lan, one by wan";
  EXPECT_EQ(2U, crew.sent(kLan).size());
  crew.expect_balanced();
}

/// A snapshot may know more ports than the worker was made with.
TEST(Worker, CountsWhatHasNoPortToLeaveBy) {
  Sources more = lab();
  route::PortSource dmz = more.route.ports[kLan];
  dmz.name = "dmz";
  dmz.id = 7;
  dmz.addresses = {*Prefix::parse("198.18.7.1/24")};
  dmz.neighbours = {{ip("198.18.7.2"), kTheirMac}};
  more.route.ports.push_back(dmz);
  Crew crew(more);
  crew.push(kWan, from_client("198.18.7.2").udp(5000, 9).build());
  crew.turn();
  EXPECT_EQ(1U, crew.dropped(DropReason::tx_port_down));
  EXPECT_EQ(0U, value(crew.books().sent));
  crew.expect_balanced();
}

/// It has a queue of one port, and nobody sends for it on the other.
TEST(Transmitter, CountsWhatNobodySends) {
  MemoryPool pool;
  MemoryQueue queue(kWan, pool);
  Books books;
  Transmitter transmitter(0, {{&queue, 0}, {nullptr, 0}}, {}, pool, books);
  auto burst = std::make_unique<Burst>();
  for (const PortId port : {kWan, kLan}) {
    Packet& p = burst->packets[burst->count++];
    ASSERT_TRUE(pool.load(p, Bytes(60)));
    p.out_port = port;
    p.verdict = Verdict::sent;
  }
  Packet ours;  // in no book, sent or not
  ASSERT_TRUE(pool.load(ours, Bytes(60)));
  ours.out_port = kLan;
  transmitter.settle(*burst);
  transmitter.emit(ours);
  transmitter.flush();
  EXPECT_EQ(1U, value(books.sent));
  EXPECT_EQ(1U, value(books.dropped[static_cast<unsigned>(DropReason::tx_port_down)]));
  EXPECT_EQ(1U, queue.take_sent().size());
  EXPECT_EQ(0U, pool.outstanding());
}

TEST(Worker, PuntsAsFastAsTheHostMayBeAsked) {
  CrewOptions options;
  options.punts_per_second = 50;  // five at once
  Crew crew(lab(), options);
  for (int i = 0; i < 8; ++i) crew.push(kWan, to_host());
  crew.turn();
  EXPECT_EQ(5U, value(crew.books().punted));
  EXPECT_EQ(3U, crew.dropped(DropReason::punt_rate));
  EXPECT_EQ(5U, crew.sent(kHost).size());
  crew.now += kSecond / 50;
  for (int i = 0; i < 2; ++i) crew.push(kWan, to_host());
  crew.turn();
  EXPECT_EQ(6U, value(crew.books().punted));
  crew.expect_balanced();
}

TEST(Worker, CannotPuntWithoutAnExceptionPath) {
  Sources sources = lab();
  sources.route.host_port = kNoPort;
  Crew crew(sources);
  crew.push(kWan, to_host());
  crew.turn();
  EXPECT_EQ(1U, crew.dropped(DropReason::punt_unavailable));
}

TEST(Worker, HoldsAPacketUntilItsNeighbourAnswers) {
  Crew crew(lab());
  crew.push(kWan, from_client("198.18.1.77").udp(5000, 9).payload("waits").build());
  crew.turn();
  EXPECT_EQ(1U, value(crew.books().held_now));
  EXPECT_EQ(1U, value(crew.books().originated)) << "the request";
  EXPECT_EQ(0U, value(crew.books().sent));
  EXPECT_EQ(1U, crew.sent(kLan).size());
  crew.expect_balanced();

  const MacAddress theirs{{0x02, 0, 0, 0, 0, 0x77}};
  crew.push(kLan, packet().arp(2, theirs, "198.18.1.77", kOurMac, "198.18.1.1").build());
  crew.turn();
  EXPECT_EQ(0U, value(crew.books().held_now));
  EXPECT_EQ(1U, value(crew.books().sent));
  EXPECT_EQ(1U, crew.dropped(DropReason::neighbour_noted)) << "the answer";
  const auto frames = crew.sent(kLan);
  ASSERT_EQ(1U, frames.size());
  EXPECT_TRUE(std::equal(theirs.bytes.begin(), theirs.bytes.end(), frames[0].begin()));
  crew.expect_balanced();
}

TEST(Worker, TakesANewSnapshotAtItsNextTurnAndKeepsItsFlows) {
  Crew crew(lab());
  const Bytes syn = from_client("198.18.100.80").tcp(5000, 80, tcp_flag::kSyn).build();
  const Bytes ack = from_client("198.18.100.80").tcp(5000, 80, tcp_flag::kAck).build();
  crew.push(kWan, syn);
  crew.turn();
  const auto first = crew.sent(kLan);
  ASSERT_EQ(1U, first.size());
  const IpAddress chosen = IpAddress::from(first[0].data() + 30, 4);

  Sources drained = lab_with("udp dport 9 drop");
  for (auto& backend : drained.balancer.services[0].backends)
    if (backend.addresses[0] == chosen) backend.weight = 0;
  crew.publish(drained);
  crew.push(kWan, to_backend());
  crew.push(kWan, ack);
  crew.turn();
  EXPECT_EQ(1U, crew.dropped(DropReason::rule)) << "the new rule holds";
  const auto second = crew.sent(kLan);
  ASSERT_EQ(1U, second.size());
  EXPECT_EQ(chosen, IpAddress::from(second[0].data() + 30, 4)) << "the flow stays";
  crew.expect_balanced();
}

TEST(Worker, SendsByPortInTheOrderOfArrival) {
  Crew crew(lab());
  for (std::uint16_t port = 1; port <= 40; ++port) {
    crew.push(kWan, port % 3 == 0 ? from_client("198.18.0.1").echo_request(port).build()
                                  : to_backend(port));
  }
  crew.turn();
  std::vector<unsigned> order;
  for (const Bytes& frame : crew.sent(kLan)) order.push_back(load_be16(frame.data() + 34));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(27U, order.size());
  EXPECT_EQ(13U, crew.sent(kWan).size());
  EXPECT_EQ(13U, value(crew.books().answered));
  crew.expect_balanced();
}

}  // namespace
}  // namespace sluice::test
