#include "dataplane/packet/bytes.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

class IcmpErrors : public RouteTest {
 protected:
  IcmpErrors() {
    learn(kLan, "198.18.1.11", kBackendMac);
    learn(kLan, "2001:2:0:1::11", kBackendMac);
  }
};

Bytes body(std::size_t size) {
  return Bytes(size, 0x5a);
}

TEST_F(IcmpErrors, TimeExceededQuotesThePacketAsItCame) {  // RFC 792, RFC 4443 section 3.3
  const Bytes v4 = packet().ip("198.18.0.2", "198.18.1.11").ttl(1).udp(5000, 7).build();
  const Bytes v6 = packet().ip("2001:2::2", "2001:2:0:1::11").ttl(1).udp(5000, 7).build();
  TestBurst burst(harness, {v4, v6});
  run(burst);
  const Bytes& sent4 = v4;
  Bytes answer4 = burst.bytes(0);
  Packet p4 = parsed(answer4);
  EXPECT_EQ(Verdict::answered, burst[0].verdict);
  EXPECT_EQ(kWan, burst[0].out_port);
  EXPECT_EQ(kTheirMac, to(answer4));
  EXPECT_EQ(kOurMac, from(answer4));
  EXPECT_EQ(ip("198.18.0.1"), p4.key.source);
  EXPECT_EQ(ip("198.18.0.2"), p4.key.destination);
  EXPECT_EQ(11, p4.icmp_type);
  EXPECT_EQ(0, p4.icmp_code);
  EXPECT_EQ(Bytes(sent4.begin() + 14, sent4.end()), Bytes(answer4.begin() + 42, answer4.end()));
  Bytes answer6 = burst.bytes(1);
  Packet p6 = parsed(answer6);
  EXPECT_EQ(ip("2001:2::1"), p6.key.source);
  EXPECT_EQ(3, p6.icmp_type);
  EXPECT_EQ(0, p6.icmp_code);
  EXPECT_EQ(Bytes(v6.begin() + 14, v6.end()), Bytes(answer6.begin() + 62, answer6.end()));
}

TEST_F(IcmpErrors, TooBigTellsTheMtu) {  // RFC 1191, RFC 4443 section 3.2
  Source source = lab();
  source.ports[1].mtu = 1400;
  table = table_of(source);
  TestBurst burst(harness,
                  {packet()
                       .ip("198.18.0.2", "198.18.1.11")
                       .do_not_fragment()
                       .udp(1, 2)
                       .payload(body(1400))
                       .build(),
                   packet().ip("198.18.0.2", "198.18.1.11").udp(1, 2).payload(body(1400)).build(),
                   packet().ip("2001:2::2", "2001:2:0:1::11").udp(1, 2).payload(body(1400)).build(),
                   packet().ip("198.18.0.2", "198.18.1.11").udp(1, 2).payload(body(1372)).build()});
  run(burst);
  for (unsigned i : {0U, 1U}) {
    ASSERT_EQ(Verdict::answered, burst[i].verdict);
    Bytes frame = burst.bytes(i);
    const Packet p = parsed(frame);
    EXPECT_EQ(3, p.icmp_type);
    EXPECT_EQ(4, p.icmp_code);
    EXPECT_EQ(1400U, load_be32(p.l4_bytes() + 4));
    EXPECT_EQ(0x4000, load_be16(p.l3_bytes() + 6)) << "not a fragment, don't fragment";
    EXPECT_EQ(576, p.end - p.l3);  // RFC 1812 section 4.3.2.3
  }
  Bytes frame = burst.bytes(2);
  const Packet p = parsed(frame);
  EXPECT_EQ(2, p.icmp_type);
  EXPECT_EQ(1400U, load_be32(p.l4_bytes() + 4));
  EXPECT_EQ(1280, p.end - p.l3);  // RFC 4443 section 2.4 (c)
  EXPECT_EQ(Verdict::sent, burst[3].verdict) << "exactly the MTU";
}

TEST_F(IcmpErrors, NoRouteIsAnsweredWithUnreachable) {
  TestBurst burst(harness, {packet().ip("198.18.0.2", "8.8.8.8").udp(1, 2).build(),
                            packet().ip("2001:2::2", "2001:db8:99::1").udp(1, 2).build()});
  run(burst);
  for (unsigned i : {0U, 1U}) ASSERT_EQ(Verdict::answered, burst[i].verdict);
  Bytes v4 = burst.bytes(0);
  Bytes v6 = burst.bytes(1);
  EXPECT_EQ(3, parsed(v4).icmp_type);
  EXPECT_EQ(0, parsed(v4).icmp_code);
  EXPECT_EQ(1, parsed(v6).icmp_type);
  EXPECT_EQ(0, parsed(v6).icmp_code);
}

/// RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e).
TEST_F(IcmpErrors, NeverAboutWhatMayNotBeAnswered) {
  const std::vector<Bytes> frames{
      packet().ip("198.18.0.2", "8.8.8.8").icmp(3, 1).payload(body(28)).build(),
      packet().ip("198.18.0.2", "8.8.8.8").icmp(5, 1).payload(body(28)).build(),
      packet().ip("198.18.0.2", "8.8.8.8").icmp(11, 0).payload(body(28)).build(),
      packet().ip("2001:2::2", "2001:db8:99::1").icmp(1, 0).payload(body(48)).build(),
      packet().ip("2001:2::2", "2001:db8:99::1").icmp(100, 0).payload(body(8)).build(),
      packet().ip("198.18.0.2", "8.8.8.8").fragment(16, false).udp(1, 2).payload(body(8)).build(),
      packet()
          .ethernet(MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, kTheirMac)
          .ip("198.18.0.2", "8.8.8.8")
          .udp(1, 2)
          .build(),
      packet().ip("198.18.0.255", "8.8.8.8").udp(1, 2).build(),  // a broadcast as source
      packet().ip("198.18.0.1", "8.8.8.8").udp(1, 2).build(),    // our own as source
      packet().ip("240.0.0.1", "8.8.8.8").udp(1, 2).build(),
  };
  TestBurst burst(harness, frames);
  run(burst);
  for (unsigned i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(Verdict::dropped, burst[i].verdict) << i;
    EXPECT_EQ(DropReason::no_route, burst[i].reason) << i;
  }
}

TEST_F(IcmpErrors, EchoAndFirstFragmentsAreAnswered) {
  TestBurst burst(
      harness,
      {packet().ip("198.18.0.2", "8.8.8.8").echo_request(1).build(),
       packet().ip("198.18.0.2", "8.8.8.8").fragment(0, true).udp(1, 2).payload(body(8)).build()});
  run(burst);
  EXPECT_EQ(Verdict::answered, burst[0].verdict);
  EXPECT_EQ(Verdict::answered, burst[1].verdict);
}

TEST_F(IcmpErrors, TranslatedPacketsAreNotTalkedAbout) {  // the sender would not know the quote
  TestBurst burst(harness,
                  {packet().ip("198.18.0.2", "198.18.1.11").ttl(1).udp(1, 2).build(),
                   packet().ip("198.18.0.2", "198.18.1.11").udp(1, 2).payload(body(1600)).build()});
  burst[0].flags |= packet_flag::kTranslated;
  burst[1].flags |= packet_flag::kRestored;
  run(burst);
  EXPECT_EQ(DropReason::ttl_exceeded, burst[0].reason);
  EXPECT_EQ(DropReason::too_big, burst[1].reason);
}

TEST_F(IcmpErrors, AreRateLimitedPerWorker) {
  harness.context.icmp_errors = TokenBucket(10, 2);
  const Bytes lost = packet().ip("198.18.0.2", "8.8.8.8").udp(1, 2).build();
  TestBurst first(harness, {lost, lost, lost});
  run(first);
  EXPECT_EQ(Verdict::answered, first[1].verdict);
  EXPECT_EQ(DropReason::icmp_rate, first[2].reason);
  pass(kSecond);
  TestBurst second(harness, {lost});
  run(second);
  EXPECT_EQ(Verdict::answered, second[0].verdict);
}

TEST_F(IcmpErrors, WithoutHeadroomTheQuoteMovesUp) {
  StageHarness tight(MemoryPool::Layout{.headroom = 0, .room = 2048, .limit = 16});
  const Bytes lost =
      packet().vlan(5).ip("198.18.0.2", "8.8.8.8").udp(1, 2).payload("hello").build();
  TestBurst burst(tight, {lost});
  look_up(*table, burst.burst);
  forward(tight.context, *table, neighbours, burst.burst);
  ASSERT_EQ(Verdict::answered, burst[0].verdict);
  Bytes frame = burst.bytes(0);
  const Packet p = parsed(frame);
  EXPECT_EQ(5, p.vlan) << "the answer goes back with the tag of the question";
  EXPECT_EQ(Bytes(lost.begin() + 18, lost.end()), Bytes(frame.begin() + 46, frame.end()));
}

TEST_F(IcmpErrors, WithoutAnyRoomThePacketIsDropped) {
  StageHarness full(MemoryPool::Layout{.headroom = 0, .room = 0, .limit = 16});
  TestBurst burst(full, {packet().ip("2001:2::2", "2001:db8:99::1").udp(1, 2).build()});
  look_up(*table, burst.burst);
  forward(full.context, *table, neighbours, burst.burst);
  EXPECT_EQ(DropReason::no_buffer, burst[0].reason);
}

TEST_F(IcmpErrors, LinkLocalSendersHearFromOurLinkLocalAddress) {
  TestBurst burst(harness, {packet().ip("fe80::7", "2001:db8:99::1").udp(1, 2).build()});
  run(burst);
  ASSERT_EQ(Verdict::answered, burst[0].verdict);
  Bytes frame = burst.bytes(0);
  EXPECT_EQ(link_local_of(kOurMac), parsed(frame).key.source);
}

}  // namespace
}  // namespace sluice::route::test
