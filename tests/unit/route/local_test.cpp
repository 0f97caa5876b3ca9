#include "dataplane/packet/bytes.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

class Local : public RouteTest {};

TEST_F(Local, EchoIsAnsweredAtEveryAddress) {
  for (const char* address : {"198.18.0.1", "198.18.1.1", "198.18.100.80", "198.18.100.53"}) {
    TestBurst burst(
        harness,
        {packet().ip("198.18.0.2", address).ttl(3).echo_request(77, 5).payload("abc").build()});
    run(burst);
    ASSERT_EQ(Verdict::answered, burst[0].verdict) << address;
    EXPECT_EQ(kWan, burst[0].out_port);
    Bytes frame = burst.bytes(0);
    const Packet p = parsed(frame);
    EXPECT_EQ(0, p.icmp_type);
    EXPECT_EQ(77, p.key.source_port);
    EXPECT_EQ(ip(address), p.key.source);
    EXPECT_EQ(ip("198.18.0.2"), p.key.destination);
    EXPECT_EQ(64, p.ttl);
    EXPECT_EQ(kTheirMac, to(frame));
    EXPECT_EQ(kOurMac, from(frame));
  }
  for (const std::string& address :
       {std::string("2001:2::1"), std::string("2001:2:0:100::80"), link_local_of(kOurMac).text()}) {
    TestBurst burst(harness, {packet().ip("fe80::2", address).echo_request(77, 5).build()});
    run(burst);
    ASSERT_EQ(Verdict::answered, burst[0].verdict) << address;
    Bytes frame = burst.bytes(0);
    const Packet p = parsed(frame);
    EXPECT_EQ(129, p.icmp_type);
    EXPECT_EQ(ip(address), p.key.source);
  }
}

TEST_F(Local, LinkLocalAddressIsThatOfTheReceivingPortOnly) {
  TestBurst burst(harness,
                  {packet().ip("fe80::2", link_local_of(kOurMac).text()).echo_request(1).build()},
                  kLan);
  run(burst);
  EXPECT_EQ(DropReason::not_routable, burst[0].reason);
}

TEST_F(Local, EchoKeepsVlanTagAndPadding) {
  TestBurst burst(
      harness,
      {packet().vlan(9).ip("198.18.0.2", "198.18.0.1").echo_request(1).pad_to(64).build()});
  run(burst);
  Bytes frame = burst.bytes(0);
  EXPECT_EQ(9, parsed(frame).vlan);
}

TEST_F(Local, TheHostGetsWhatIsForItsAddresses) {
  TestBurst burst(
      harness, {packet().vlan(3).ip("198.18.0.2", "198.18.0.1").tcp(5000, 22).build(),
                packet().ip("198.18.0.2", "198.18.0.1").icmp(3, 3).payload(Bytes(28)).build(),
                packet().ip("198.18.0.2", "198.18.0.1").icmp(0, 0).build(),
                packet().ip("2001:2::2", "2001:2::1").icmp(2, 0, 1280).payload(Bytes(48)).build(),
                packet()
                    .ip("198.18.0.2", "198.18.0.1")
                    .fragment(0, true)
                    .udp(1, 2)
                    .payload(Bytes(8))
                    .build(),
                packet().ip("198.18.0.2", "198.18.0.1").protocol(89).payload("ospf").build()});
  run(burst);
  for (unsigned i = 0; i < burst.burst.count; ++i) {
    EXPECT_EQ(Verdict::punted, burst[i].verdict) << i;
    EXPECT_EQ(kHostPort, burst[i].out_port);
    Bytes frame = burst.bytes(i);
    EXPECT_EQ(kHostMac, to(frame));
    EXPECT_EQ(kGatewayMac, from(frame));
    EXPECT_EQ(14, parsed(frame).l3);
  }
}

TEST_F(Local, DnsStreamsAreServedByTheHostPort) {
  TestBurst burst(
      harness, {packet().ip("198.18.0.2", "198.18.100.53").tcp(5000, 53, tcp_flag::kSyn).build()});
  run(burst);
  EXPECT_EQ(Verdict::punted, burst[0].verdict);
}

TEST_F(Local, WithoutAHostPortNothingIsPunted) {
  Source source = lab();
  source.host_port = kNoPort;
  table = table_of(source);
  TestBurst burst(harness, {packet().ip("198.18.0.2", "198.18.0.1").tcp(5000, 22).build()});
  run(burst);
  EXPECT_EQ(DropReason::punt_unavailable, burst[0].reason);
}

TEST_F(Local, UnwantedIcmpIsDropped) {
  TestBurst burst(harness,
                  {packet().ip("198.18.0.2", "198.18.0.1").icmp(13, 0).payload(Bytes(12)).build(),
                   packet().ip("198.18.0.2", "198.18.0.1").icmp(5, 1).payload(Bytes(28)).build(),
                   packet().ip("198.18.0.2", "198.18.100.80").icmp(0, 0).build(),
                   packet().ip("198.18.0.2", "198.18.100.80").icmp(3, 1).payload(Bytes(28)).build(),
                   packet().ip("2001:2::2", "2001:2::1").icmp(130, 0).payload(Bytes(16)).build()});
  run(burst);
  for (unsigned i = 0; i < burst.burst.count; ++i)
    EXPECT_EQ(DropReason::icmp_unhandled, burst[i].reason) << i;
}

TEST_F(Local, WhatCameWithAWrongChecksumIsNotAnswered) {
  std::vector<Bytes> frames;
  for (const char* to : {"198.18.100.80", "198.18.0.1"}) {
    frames.push_back(packet().ip("198.18.0.2", to).udp(5000, 99).payload("x").build());
    frames.push_back(packet().ip("198.18.0.2", to).tcp(5000, 99, tcp_flag::kSyn).build());
    frames.push_back(packet().ip("198.18.0.2", to).echo_request(1).payload("x").build());
  }
  for (Bytes& frame : frames) frame.back() ^= 1;
  TestBurst burst(harness, frames);
  run(burst);
  for (unsigned i = 0; i < burst.burst.count; ++i)
    EXPECT_EQ(DropReason::l4_checksum, burst[i].reason) << i;
}

TEST_F(Local, ClosedPortsOfServiceAddressesAreRefused) {
  TestBurst burst(
      harness, {packet().ip("198.18.0.2", "198.18.100.80").udp(5000, 99).build(),
                packet().ip("2001:2::2", "2001:2:0:100::80").udp(5000, 99).build(),
                packet().ip("198.18.0.2", "198.18.100.80").tcp(5000, 99, tcp_flag::kSyn, 7).build(),
                packet().ip("198.18.0.2", "198.18.100.80").tcp(5000, 99, tcp_flag::kRst).build(),
                packet()
                    .ip("198.18.0.2", "198.18.100.80")
                    .fragment(8, false)
                    .udp(1, 2)
                    .payload(Bytes(8))
                    .build()});
  run(burst);
  Bytes v4 = burst.bytes(0);
  EXPECT_EQ(3, parsed(v4).icmp_type);
  EXPECT_EQ(3, parsed(v4).icmp_code);
  EXPECT_EQ(ip("198.18.100.80"), parsed(v4).key.source);
  Bytes v6 = burst.bytes(1);
  EXPECT_EQ(1, parsed(v6).icmp_type);
  EXPECT_EQ(4, parsed(v6).icmp_code);
  Bytes tcp = burst.bytes(2);
  EXPECT_EQ(tcp_flag::kRst | tcp_flag::kAck, parsed(tcp).tcp_flags);
  EXPECT_EQ(DropReason::service_port_closed, burst[3].reason);
  EXPECT_EQ(DropReason::service_port_closed, burst[4].reason);
}

}  // namespace
}  // namespace sluice::route::test
