#include "dataplane/packet/bytes.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

using enum NeighbourState;

class NeighboursTest : public RouteTest {
 protected:
  static constexpr MacAddress kOtherMac{{0x02, 0, 0, 0, 9, 9}};

  /// One packet to a backend; returns its verdict.
  Verdict send(std::string_view destination = "198.18.1.11") {
    TestBurst burst(harness, {to_backend(destination)});
    run(burst);
    last_reason = burst[0].reason;
    return burst[0].verdict;
  }
  static Bytes to_backend(std::string_view destination) {
    const bool v4 = ip(destination).is_v4();
    return packet().ip(v4 ? "198.18.0.2" : "2001:2::2", destination).udp(5000, 7).build();
  }
  void receive(const Bytes& frame, PortId port = kLan) {
    TestBurst burst(harness, {frame}, port);
    run(burst);
  }
  static Bytes arp_reply(MacAddress mac = kBackendMac, std::string_view sender = "198.18.1.11") {
    return packet().ethernet(kLanMac, mac).arp(2, mac, sender, kLanMac, "198.18.1.1").build();
  }
  static Bytes advertisement(std::uint8_t flags = 0x60, MacAddress mac = kBackendMac) {
    return packet()
        .ethernet(kLanMac, mac)
        .ip("2001:2:0:1::11", "2001:2:0:1::1")
        .ttl(255)
        .neighbour_advertisement("2001:2:0:1::11", mac, flags)
        .build();
  }

  DropReason last_reason = DropReason::none;
};

TEST_F(NeighboursTest, FirstPacketWaitsForTheArpReply) {
  EXPECT_EQ(Verdict::held, send());
  auto asked = emitted();
  ASSERT_EQ(1U, asked.size());
  EXPECT_EQ(kLan, asked[0].port);
  EXPECT_EQ(1U, harness.books.originated.value());
  const Bytes expected = packet()
                             .ethernet(MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, kLanMac)
                             .arp(1, kLanMac, "198.18.1.1", MacAddress{}, "198.18.1.11")
                             .build();
  EXPECT_EQ(expected, asked[0].bytes);

  receive(arp_reply());
  auto sent = emitted();
  ASSERT_EQ(1U, sent.size());
  EXPECT_EQ(kLan, sent[0].port);
  EXPECT_EQ(kBackendMac, to(sent[0].bytes));
  EXPECT_EQ(63, parsed(sent[0].bytes).ttl);
  EXPECT_EQ(reachable, state_of("198.18.1.11"));
  EXPECT_EQ(0U, harness.books.held_now.value());
  EXPECT_EQ(1U, harness.books.sent.value());
  EXPECT_EQ(Verdict::sent, send());
  expect_balanced();
  EXPECT_EQ(0U, harness.pool.outstanding());
}

TEST_F(NeighboursTest, FirstPacketWaitsForTheAdvertisement) {
  EXPECT_EQ(Verdict::held, send("2001:2:0:1::11"));
  auto asked = emitted();
  ASSERT_EQ(1U, asked.size());
  const Packet p = parsed(asked[0].bytes);  // RFC 4861 section 7.2.2
  EXPECT_EQ(135, p.icmp_type);
  EXPECT_EQ(255, p.ttl);
  EXPECT_EQ(ip("ff02::1:ff00:11"), p.key.destination);
  EXPECT_EQ(ip("2001:2:0:1::1"), p.key.source);
  EXPECT_EQ((MacAddress{{0x33, 0x33, 0xff, 0, 0, 0x11}}), to(asked[0].bytes));
  EXPECT_EQ(kLanMac, mac_of(asked[0].bytes, asked[0].bytes.size() - 6));
  receive(advertisement());
  EXPECT_EQ(1U, emitted().size());
  EXPECT_EQ(reachable, state_of("2001:2:0:1::11"));
  expect_balanced();
}

TEST_F(NeighboursTest, UnansweredAfterThreeRequestsIsUnreachable) {
  EXPECT_EQ(Verdict::held, send());
  EXPECT_EQ(Verdict::held, send());
  EXPECT_EQ(1U, emitted().size()) << "one request, however many packets";
  live(2500 * kMillisecond);
  EXPECT_EQ(2U, emitted().size());
  live(kSecond);
  auto errors = emitted();  // RFC 1812 section 3.3.2: host unreachable for each
  ASSERT_EQ(2U, errors.size());
  const Packet p = parsed(errors[0].bytes);
  EXPECT_EQ(kWan, errors[0].port);
  EXPECT_EQ(3, p.icmp_type);
  EXPECT_EQ(1, p.icmp_code);
  EXPECT_EQ(2U, harness.books.answered.value());
  EXPECT_EQ(free, state_of("198.18.1.11"));
  expect_balanced();
  EXPECT_EQ(0U, harness.pool.outstanding());
}

TEST_F(NeighboursTest, UnresolvedPacketThatMayNotBeAnsweredIsDropped) {
  receive(packet().ip("198.18.0.2", "198.18.1.11").icmp(3, 1).payload(Bytes(28)).build(), kWan);
  live(4 * kSecond);
  EXPECT_EQ(1U, dropped(DropReason::neighbour_unresolved));
  expect_balanced();
}

TEST_F(NeighboursTest, NewestPacketReplacesTheOldest) {  // RFC 4861 section 7.2.2
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(Verdict::held, send());
  EXPECT_EQ(Verdict::held, send());
  EXPECT_EQ(1U, dropped(DropReason::neighbour_queue_full));
  EXPECT_EQ(8U, harness.books.held_now.value());
  expect_balanced();
}

class SmallNeighbours : public NeighboursTest {
 protected:
  SmallNeighbours() {
    neighbours = Neighbours(
        {.neighbours = 64, .unresolved = 2, .held = 3, .held_per_neighbour = 2, .updates = 2},
        HashSeed{});
  }
};

TEST_F(SmallNeighbours, WaitingPacketsAreBoundedInTotal) {
  EXPECT_EQ(Verdict::held, send("198.18.1.11"));
  EXPECT_EQ(Verdict::held, send("198.18.1.11"));
  EXPECT_EQ(Verdict::held, send("198.18.1.12"));
  EXPECT_EQ(Verdict::dropped, send("198.18.1.12"));
  EXPECT_EQ(DropReason::neighbour_queue_full, last_reason);
  expect_balanced();
}

TEST_F(SmallNeighbours, ScansCannotAskForEverybody) {  // RFC 6583
  EXPECT_EQ(Verdict::held, send("198.18.1.21"));
  EXPECT_EQ(Verdict::held, send("198.18.1.22"));
  EXPECT_EQ(Verdict::dropped, send("198.18.1.23"));
  EXPECT_EQ(DropReason::neighbour_queue_full, last_reason);
}

TEST_F(SmallNeighbours, ScanDoesNotEvictANeighbourInUse) {
  learn(kLan, "198.18.1.11", kBackendMac);
  for (int round = 0; round < 100; ++round) {
    ASSERT_EQ(Verdict::sent, send());
    static_cast<void>(send("198.18.1." + std::to_string(20 + round)));
    learn(kLan, "198.18.1." + std::to_string(130 + round), kOtherMac);
    live(500 * kMillisecond);
    receive(arp_reply());
  }
}

TEST_F(SmallNeighbours, LostUpdatesAreCounted) {
  for (int i = 0; i < 3; ++i) receive(arp_reply(kOtherMac, "198.18.1." + std::to_string(40 + i)));
  EXPECT_EQ(1U, neighbours.updates_lost());
}

TEST_F(NeighboursTest, BusyNeighbourIsProbedWithoutLoss) {
  learn(kLan, "198.18.1.11", kBackendMac);
  EXPECT_EQ(stale, state_of("198.18.1.11"));
  EXPECT_EQ(Verdict::sent, send());
  EXPECT_EQ(delay, state_of("198.18.1.11"));
  live(5100 * kMillisecond);
  EXPECT_EQ(probe, state_of("198.18.1.11"));
  auto probes = emitted();
  ASSERT_EQ(1U, probes.size());
  EXPECT_EQ(kBackendMac, to(probes[0].bytes)) << "to the neighbour alone";
  EXPECT_EQ(Verdict::sent, send());
  receive(arp_reply());
  EXPECT_EQ(reachable, state_of("198.18.1.11"));
  live(31 * kSecond);
  EXPECT_TRUE(emitted().empty()) << "nobody sends, nobody asks";
  EXPECT_EQ(Verdict::sent, send());
  EXPECT_EQ(delay, state_of("198.18.1.11"));
}

TEST_F(NeighboursTest, MuteNeighbourIsAskedForAnewBeforeItIsGivenUp) {
  learn(kLan, "198.18.1.11", kBackendMac);
  EXPECT_EQ(Verdict::sent, send());
  live(8100 * kMillisecond);  // five seconds of delay, three probes
  EXPECT_EQ(incomplete, state_of("198.18.1.11"));
  auto asked = emitted();
  ASSERT_EQ(4U, asked.size());
  EXPECT_EQ(kBackendMac, to(asked[2].bytes));
  EXPECT_TRUE(to(asked[3].bytes).is_group());
  EXPECT_EQ(Verdict::held, send());
  receive(arp_reply(kOtherMac));  // it has a new Ethernet address
  auto sent = emitted();
  ASSERT_EQ(1U, sent.size());
  EXPECT_EQ(kOtherMac, to(sent[0].bytes));
  expect_balanced();
}

TEST_F(NeighboursTest, AnotherWorkerHearsTheAnswer) {
  EXPECT_EQ(Verdict::held, send());
  EXPECT_EQ(1U, emitted().size());
  Neighbours other({}, HashSeed{});
  TestBurst burst(harness, {arp_reply()}, kLan);
  resolve(harness.context, *table, other, burst.burst);
  EXPECT_EQ(DropReason::neighbour_noted, burst[0].reason);
  std::array<NeighbourUpdate, 8> updates;
  ASSERT_EQ(1U, other.take_updates(updates));
  EXPECT_EQ(0U, other.take_updates(updates));
  neighbours.apply(harness.context, *table, updates[0]);
  EXPECT_EQ(reachable, state_of("198.18.1.11"));
  EXPECT_EQ(1U, emitted().size());
  EXPECT_EQ(0U, neighbours.take_updates(updates)) << "what came from others is not sent back";
}

TEST_F(NeighboursTest, RepeatedAnswersAreNoNews) {
  learn(kLan, "198.18.1.11", kBackendMac);
  receive(arp_reply());
  receive(arp_reply());
  std::array<NeighbourUpdate, 8> updates;
  EXPECT_EQ(1U, neighbours.take_updates(updates));
}

struct Transition {
  const char* what;
  NeighbourState before;
  std::uint8_t flags;  ///< R 0x80, S 0x40, O 0x20
  bool same_mac;
  NeighbourState after;
  bool mac_changes;
};

/// RFC 4861 section 7.2.5 and appendix C.
TEST_F(NeighboursTest, AdvertisementsMoveTheStateAsRfc4861Says) {
  const Transition transitions[] = {
      {"solicited", incomplete, 0x40, false, reachable, true},
      {"unsolicited", incomplete, 0x00, false, stale, true},
      {"unsolicited, override", incomplete, 0x20, false, stale, true},
      {"confirmed", stale, 0x40, true, reachable, false},
      {"confirmed, override", stale, 0x60, true, reachable, false},
      {"weak claim of another", reachable, 0x40, false, stale, false},
      {"weak announcement of another", reachable, 0x00, false, stale, false},
      {"weak claim of another", stale, 0x40, false, stale, false},
      {"moved, solicited", reachable, 0x60, false, reachable, true},
      {"moved, solicited", stale, 0x60, false, reachable, true},
      {"moved, announced", reachable, 0x20, false, stale, true},
      {"announced again", reachable, 0x20, true, reachable, false},
      {"announced again", stale, 0x20, true, stale, false},
  };
  for (const Transition& t : transitions) {
    neighbours.drop_held(harness.context);
    neighbours = Neighbours({}, HashSeed{});
    if (t.before == incomplete) {
      EXPECT_EQ(Verdict::held, send("2001:2:0:1::11"));
    } else {
      learn(kLan, "2001:2:0:1::11", kBackendMac);
      if (t.before == reachable) receive(advertisement(0x60));
    }
    ASSERT_EQ(t.before, state_of("2001:2:0:1::11")) << t.what;
    receive(advertisement(t.flags, t.same_mac ? kBackendMac : kOtherMac));
    EXPECT_EQ(t.after, state_of("2001:2:0:1::11")) << t.what;
    EXPECT_EQ(t.mac_changes ? kOtherMac : kBackendMac, known_mac("2001:2:0:1::11")) << t.what;
  }
}

TEST_F(NeighboursTest, AdvertisementsAndRepliesCreateNothing) {
  receive(advertisement());
  receive(arp_reply());
  EXPECT_EQ(free, state_of("2001:2:0:1::11"));
  EXPECT_EQ(free, state_of("198.18.1.11"));
}

TEST_F(NeighboursTest, StaticNeighboursNeedNoResolution) {
  Source source = lab();
  source.ports[1].neighbours = {{ip("198.18.1.11"), kBackendMac}, {ip("198.18.1.13"), kOtherMac}};
  table = table_of(source);
  EXPECT_EQ(Verdict::sent, send());
  EXPECT_EQ(Verdict::sent, send("203.0.113.1"));  // behind the gateway 198.18.1.13
  EXPECT_TRUE(emitted().empty());
}

TEST_F(NeighboursTest, WithoutABufferTheRequestIsMadeLater) {
  StageHarness empty(MemoryPool::Layout{.headroom = 128, .room = 2048, .limit = 1});
  {
    TestBurst burst(empty, {to_backend("198.18.1.11")});
    look_up(*table, burst.burst);
    forward(empty.context, *table, neighbours, burst.burst);
    EXPECT_EQ(Verdict::held, burst[0].verdict);
    EXPECT_TRUE(empty.emitter.frames.empty());
  }
  live(1100 * kMillisecond);
  EXPECT_EQ(1U, emitted().size());
  neighbours.apply(empty.context, *table,
                   {ip("198.18.1.11"), kBackendMac, kLan, Evidence::answered, 0});
  EXPECT_EQ(1U, empty.emitter.frames.size());
}

TEST_F(NeighboursTest, NeighbourOfARemovedPortIsLeftInPeace) {
  learn(kLan, "198.18.1.11", kBackendMac);
  EXPECT_EQ(Verdict::sent, send());
  Source source = lab();
  source.ports.pop_back();
  source.routes.clear();
  table = table_of(source);
  live(20 * kSecond);
  EXPECT_TRUE(emitted().empty());
  EXPECT_EQ(free, state_of("198.18.1.11"));
}

}  // namespace
}  // namespace sluice::route::test
