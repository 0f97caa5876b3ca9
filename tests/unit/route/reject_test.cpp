#include "dataplane/packet/bytes.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

class Reject : public RouteTest {
 protected:
  /// As the filter leaves a packet that it rejects.
  void reject_all(TestBurst& test, std::uint8_t type = 0, std::uint8_t code = 0) {
    test.burst.for_each_alive([&](unsigned, Packet& p) {
      p.reason = DropReason::rule_reject;
      p.reject_type = type;
      p.reject_code = code;
    });
    reject(harness.context, *table, test.burst);
  }
};

/// RFC 9293 section 3.10.7.1: what the reset of a segment says.
struct ResetCase {
  std::uint8_t flags;
  std::uint32_t sequence, acknowledgement;
  const char* data;
  std::uint8_t reset_flags;
  std::uint32_t reset_sequence, reset_acknowledgement;
};

TEST_F(Reject, TcpResetFollowsRfc9293) {
  using namespace tcp_flag;
  const ResetCase cases[] = {
      {kSyn, 1000, 0, "", kRst | kAck, 0, 1001},     {kSyn, 1000, 0, "abc", kRst | kAck, 0, 1004},
      {kSyn, 0xffff'ffff, 0, "", kRst | kAck, 0, 0}, {kFin, 1000, 0, "", kRst | kAck, 0, 1001},
      {kAck, 1000, 555, "abc", kRst, 555, 0},        {kSyn | kAck, 1000, 555, "", kRst, 555, 0},
  };
  for (const char* source : {"198.18.0.2", "2001:2::2"}) {
    const bool v4 = ip(source).is_v4();
    const char* destination = v4 ? "203.0.113.9" : "2001:db8:13::9";
    for (const ResetCase& c : cases) {
      TestBurst burst(harness, {packet()
                                    .ip(source, destination)
                                    .tcp(5000, 80, c.flags, c.sequence, c.acknowledgement)
                                    .tcp_options({2, 4, 5, 0xb4})
                                    .payload(c.data)
                                    .build()});
      reject_all(burst);
      ASSERT_EQ(Verdict::answered, burst[0].verdict);
      EXPECT_EQ(DropReason::none, burst[0].reason);
      EXPECT_EQ(kWan, burst[0].out_port);
      Bytes frame = burst.bytes(0);
      const Packet p = parsed(frame);
      EXPECT_EQ(c.reset_flags, p.tcp_flags);
      EXPECT_EQ(c.reset_sequence, load_be32(p.l4_bytes() + 4));
      EXPECT_EQ(c.reset_acknowledgement, load_be32(p.l4_bytes() + 8));
      EXPECT_EQ(80, p.key.source_port);
      EXPECT_EQ(5000, p.key.destination_port);
      EXPECT_EQ(ip(destination), p.key.source);
      EXPECT_EQ(p.end, p.payload) << "no data";
      EXPECT_EQ(kTheirMac, to(frame));
    }
  }
}

TEST_F(Reject, SendsTheIcmpErrorThatTheRuleNames) {
  TestBurst burst(harness, {packet().ip("198.18.0.2", "203.0.113.9").udp(1, 2).build()});
  reject_all(burst, 3, 13);
  ASSERT_EQ(Verdict::answered, burst[0].verdict);
  Bytes frame = burst.bytes(0);
  EXPECT_EQ(3, parsed(frame).icmp_type);
  EXPECT_EQ(13, parsed(frame).icmp_code);
}

TEST_F(Reject, StaysSilentWhereAnAnswerIsNotAllowed) {
  const MacAddress broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  TestBurst resets(
      harness,
      {packet().ip("198.18.0.2", "203.0.113.9").tcp(1, 2, tcp_flag::kRst).build(),
       packet().ip("198.18.0.2", "203.0.113.9").udp(1, 2).build(),
       packet().ethernet(broadcast, kTheirMac).ip("198.18.0.2", "203.0.113.9").tcp(1, 2).build(),
       packet().ip("198.18.0.2", "198.18.0.255").tcp(1, 2).build()});
  reject_all(resets);
  TestBurst errors(harness,
                   {packet().ip("198.18.0.2", "203.0.113.9").icmp(3, 1).payload(Bytes(28)).build(),
                    packet().ip("198.18.0.2", "198.18.0.255").udp(1, 2).build(),
                    packet().ip("198.18.0.2", "224.0.0.251").udp(5353, 5353).build()});
  reject_all(errors, 3, 13);
  for (TestBurst* burst : {&resets, &errors}) {
    for (unsigned i = 0; i < burst->burst.count; ++i)
      EXPECT_EQ(DropReason::rule_reject, (*burst)[i].reason) << i;
    EXPECT_EQ(0U, burst->burst.alive);
  }
}

TEST_F(Reject, LeavesOthersAlone) {
  TestBurst burst(harness, {packet().ip("198.18.0.2", "203.0.113.9").udp(1, 2).build()});
  reject(harness.context, *table, burst.burst);
  EXPECT_EQ(Verdict::none, burst[0].verdict);
}

}  // namespace
}  // namespace sluice::route::test
