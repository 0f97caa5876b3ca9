#include "dataplane/packet/bytes.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

class Forward : public RouteTest {
 protected:
  Forward() {
    learn(kLan, "198.18.1.11", kBackendMac);
    learn(kLan, "198.18.1.13", kBackendMac);
    learn(kLan, "2001:2:0:1::11", kBackendMac);
    learn(kLan, "2001:2:0:1::13", kTheirMac);
    learn(kWan, "198.18.0.2", kTheirMac);
  }
};

TEST_F(Forward, SendsToConnectedNeighbour) {
  TestBurst burst(harness, {packet().ip("198.18.0.2", "198.18.1.11").udp(5000, 7).build()});
  run(burst);
  EXPECT_EQ(Verdict::sent, burst[0].verdict);
  EXPECT_EQ(kLan, burst[0].out_port);
  Bytes frame = burst.bytes(0);
  EXPECT_EQ(kBackendMac, to(frame));
  EXPECT_EQ(kLanMac, from(frame));
  EXPECT_EQ(63, parsed(frame).ttl);
}

TEST_F(Forward, SendsToGateway) {
  TestBurst burst(harness, {packet().ip("198.18.0.2", "203.0.113.9").tcp(5000, 80).build(),
                            packet().ip("2001:2::2", "2001:db8:13::9").tcp(5000, 80).build()});
  run(burst);
  EXPECT_EQ(Verdict::sent, burst[0].verdict);
  EXPECT_EQ(Verdict::sent, burst[1].verdict);
  Bytes v4 = burst.bytes(0);
  Bytes v6 = burst.bytes(1);
  EXPECT_EQ(kBackendMac, to(v4));
  EXPECT_EQ(kTheirMac, to(v6));
  EXPECT_EQ(63, parsed(v4).ttl);
  EXPECT_EQ(63, parsed(v6).ttl);
}

TEST_F(Forward, TtlChecksumStaysRightForEveryValue) {
  for (unsigned ttl = 2; ttl < 256; ++ttl) {
    TestBurst burst(harness, {packet()
                                  .ip("198.18.0.2", "198.18.1.11")
                                  .ttl(static_cast<std::uint8_t>(ttl))
                                  .udp(1, 2)
                                  .build()});
    run(burst);
    ASSERT_EQ(Verdict::sent, burst[0].verdict);
    Bytes frame = burst.bytes(0);
    EXPECT_EQ(ttl - 1, parsed(frame).ttl);
  }
}

TEST_F(Forward, HairpinLeavesByThePortItCameFrom) {
  TestBurst burst(harness, {packet().ip("198.18.0.9", "198.18.0.2").udp(1, 2).build()}, kWan);
  run(burst);
  EXPECT_EQ(Verdict::sent, burst[0].verdict);
  EXPECT_EQ(kWan, burst[0].out_port);
}

TEST_F(Forward, RemovesVlanTags) {
  TestBurst burst(
      harness, {packet().vlan(7, 0x88a8).vlan(9).ip("198.18.0.2", "198.18.1.11").udp(1, 2).build(),
                packet().vlan(5).ip("2001:2::2", "2001:2:0:1::11").udp(1, 2).build()});
  run(burst);
  for (unsigned i = 0; i < 2; ++i) {
    ASSERT_EQ(Verdict::sent, burst[i].verdict);
    Bytes frame = burst.bytes(i);
    EXPECT_EQ(14, parsed(frame).l3);
    EXPECT_EQ(kBackendMac, to(frame));
  }
}

TEST_F(Forward, CutsWhatStandsBehindTheDatagramButKeepsTheLeastFrame) {
  TestBurst burst(harness,
                  {packet().ip("198.18.0.2", "198.18.1.11").udp(1, 2).pad_to(60).build(),
                   packet().ip("198.18.0.2", "198.18.1.11").udp(1, 2).pad_to(100).build()});
  run(burst);
  EXPECT_EQ(60, burst[0].length);
  EXPECT_EQ(60, burst[1].length);
}

TEST_F(Forward, PacketsOfTheHostKeepTheirTtl) {  // BGP between neighbours sends TTL 1
  TestBurst burst(harness, {packet().ip("198.18.0.1", "198.18.1.11").ttl(1).tcp(179, 5000).build()},
                  kHostPort);
  burst[0].flags |= packet_flag::kFromHost;
  run(burst);
  ASSERT_EQ(Verdict::sent, burst[0].verdict);
  Bytes frame = burst.bytes(0);
  EXPECT_EQ(1, parsed(frame).ttl);
}

TEST_F(Forward, FollowsViaInsteadOfTheDestination) {  // direct server return
  const IpAddress backend = ip("198.18.1.11");
  TestBurst burst(harness, {packet().ip("198.18.0.2", "198.18.100.80").tcp(1, 8080).build()});
  burst[0].via = &backend;
  look_up(*table, burst.burst);
  forward(harness.context, *table, neighbours, burst.burst);
  ASSERT_EQ(Verdict::sent, burst[0].verdict);
  Bytes frame = burst.bytes(0);
  EXPECT_EQ(kBackendMac, to(frame));
  EXPECT_EQ(ip("198.18.100.80"), parsed(frame).key.destination);
}

struct Refused {
  const char* source;
  const char* destination;
  DropReason reason;
};

TEST_F(Forward, NeverForwards) {
  const Refused table_of_refused[] = {
      {"198.18.0.2", "192.0.2.1", DropReason::route_blackhole},
      {"198.18.0.2", "224.0.0.251", DropReason::not_routable},
      {"198.18.0.2", "255.255.255.255", DropReason::not_routable},
      {"198.18.0.2", "198.18.1.255", DropReason::not_routable},  // directed broadcast: RFC 2644
      {"198.18.0.2", "198.18.1.0", DropReason::not_routable},    // RFC 1812 section 5.3.5.3
      {"198.18.0.2", "169.254.1.1", DropReason::not_routable},   // RFC 3927 section 7
      {"2001:2::2", "ff05::2", DropReason::not_routable},
      {"2001:2::2", "fe80::1", DropReason::not_routable},       // another station's
      {"fe80::1", "2001:2:0:1::11", DropReason::not_routable},  // RFC 4291 section 2.5.6
  };
  for (const Refused& r : table_of_refused) {
    TestBurst burst(harness, {packet().ip(r.source, r.destination).udp(1, 2).build()});
    run(burst);
    EXPECT_EQ(Verdict::dropped, burst[0].verdict) << r.destination;
    EXPECT_EQ(r.reason, burst[0].reason) << r.destination;
  }
  expect_balanced();
}

TEST_F(Forward, WholeBurstOfBothFamilies) {
  std::vector<Bytes> frames;
  for (unsigned i = 0; i < kBurstMax; ++i) {
    const bool v4 = i % 2 == 0;
    frames.push_back(packet()
                         .ip(v4 ? "198.18.0.2" : "2001:2::2", v4 ? "198.18.1.11" : "2001:2:0:1::11")
                         .udp(1, 2)
                         .build());
  }
  TestBurst burst(harness, frames);
  run(burst);
  EXPECT_EQ(kBurstMax, harness.books.sent.value());
}

}  // namespace
}  // namespace sluice::route::test
