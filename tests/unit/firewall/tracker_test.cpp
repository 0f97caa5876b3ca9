/// Which packets belong to which connection. What kernel nftables says of the same packets is
/// compared in tests/lab/test_firewall_nft.py; here stand the cases that it found, and those where
/// Sluice means to differ.
#include <gtest/gtest.h>

#include "tests/unit/firewall/firewall_harness.hpp"

namespace sluice::firewall::test {
namespace {

using namespace tcp_flag;
using enum ConnectionState;

constexpr std::string_view kAll = "ct state established accept\nct state != established accept";

/// Segments between a client at 10.0.0.1:5000 and a server at 198.18.1.11:80.
Bytes from_client(std::uint8_t flags, std::uint32_t sequence, std::uint32_t ack = 0,
                  std::string_view data = {}) {
  return packet()
      .ip("10.0.0.1", "198.18.1.11")
      .tcp(5000, 80, flags, sequence, ack)
      .payload(data)
      .build();
}
Bytes from_server(std::uint8_t flags, std::uint32_t sequence, std::uint32_t ack = 0,
                  std::string_view data = {}) {
  return packet()
      .ip("198.18.1.11", "10.0.0.1")
      .tcp(80, 5000, flags, sequence, ack)
      .payload(data)
      .build();
}

struct Tracked : testing::Test {
  ConnectionState state(const Bytes& frame) { return firewall.run(frame).state; }
  /// SYN 100, SYN-ACK 500, ACK.
  void open() {
    ASSERT_EQ(fresh, state(from_client(kSyn, 100)));
    ASSERT_EQ(established, state(from_server(kSyn | kAck, 500, 101)));
    ASSERT_EQ(established, state(from_client(kAck, 101, 501)));
  }
  Firewall firewall{forward_chain(kAll)};
};

TEST_F(Tracked, WindowsOfAnOpenConnection) {
  open();
  EXPECT_EQ(established, state(from_client(kAck, 101, 501, "data")));
  EXPECT_EQ(invalid, state(from_client(kAck, 105 + 500'000, 501)));
  EXPECT_EQ(invalid, state(from_server(kAck, 501, 2000)));
  EXPECT_EQ(established, state(from_client(kAck, 100, 501)));  // keep-alive
}

TEST_F(Tracked, OnlyAnExactResetCloses) {
  open();
  EXPECT_EQ(invalid, state(from_server(kRst, 501 + 500'000)));
  EXPECT_EQ(established, state(from_server(kRst, 502)));
  EXPECT_EQ(established, state(from_client(kAck, 101, 501, "data")));
  EXPECT_EQ(established, state(from_server(kRst, 501)));
  EXPECT_EQ(established, state(from_client(kAck, 105, 501)));  // was on its way
  EXPECT_EQ(invalid, state(from_client(kAck, 105 + 500'000, 501)));
  EXPECT_EQ(invalid, state(from_server(kSyn, 900)));
  EXPECT_EQ(fresh, state(from_client(kSyn, 9000)));
}

TEST_F(Tracked, ARefusedConnectionIsForgotten) {
  EXPECT_EQ(fresh, state(from_client(kSyn, 100)));
  EXPECT_EQ(1U, firewall.tracker().connections());
  EXPECT_EQ(established, state(from_server(kRst | kAck, 0, 101)));
  EXPECT_EQ(0U, firewall.tracker().connections());
  EXPECT_EQ(fresh, state(from_client(kSyn, 100)));
}

TEST_F(Tracked, ASynInsideAConnectionChangesNothing) {
  open();
  EXPECT_EQ(established, state(from_client(kSyn, 9000)));
  EXPECT_EQ(invalid, state(from_server(kSyn, 9000)));
  EXPECT_EQ(established, state(from_client(kAck, 101, 501, "data")));
}

TEST_F(Tracked, HalfOpenConnectionsRecover) {
  // RFC 9293 section 3.5.1: the server still has an older connection, and the client resets it.
  EXPECT_EQ(fresh, state(from_client(kSyn, 100)));
  EXPECT_EQ(established, state(from_server(kAck, 7000, 3000)));
  EXPECT_EQ(invalid, state(from_client(kRst, 4000)));
  EXPECT_EQ(established, state(from_client(kRst, 3000)));
  EXPECT_EQ(fresh, state(from_client(kSyn, 100)));
  EXPECT_EQ(established, state(from_server(kSyn | kAck, 500, 101)));
}

TEST_F(Tracked, SimultaneousOpen) {
  EXPECT_EQ(fresh, state(from_client(kSyn, 100)));
  EXPECT_EQ(established, state(from_server(kSyn, 500)));
  // An old one, of another number: nothing in it counts, so nothing acknowledges it.
  EXPECT_EQ(established, state(from_server(kSyn | kAck, 0x90000000, 101)));
  EXPECT_EQ(invalid, state(from_client(kAck, 101, 0x90000001)));
  EXPECT_EQ(established, state(from_server(kSyn | kAck, 500, 101)));
  EXPECT_EQ(established, state(from_client(kSyn | kAck, 100, 501)));
  EXPECT_EQ(established, state(from_client(kAck, 101, 501, "data")));
}

TEST_F(Tracked, OfAPickedUpConnectionNotAllIsKnown) {
  EXPECT_EQ(fresh, state(from_client(kAck, 100, 500, "data")));
  // Data behind it went by unseen, and this acknowledges it.
  EXPECT_EQ(established, state(from_server(kAck, 500, 2000)));
  EXPECT_EQ(established, state(from_client(kAck, 2000, 500)));
}

TEST_F(Tracked, AnUnansweredOpenerIsPickedUp) {
  EXPECT_EQ(fresh, state(from_client(kSyn, 100)));
  EXPECT_EQ(fresh, state(from_client(kAck, 101, 501)));  // the answers take another way
}

TEST_F(Tracked, SenselessFlagsStartNothing) {
  for (const int flags :
       {0, +kFin, kSyn | kFin, kSyn | kRst, kFin | kPsh | kUrg, kSyn | kAck, +kRst})
    EXPECT_EQ(invalid, state(from_client(static_cast<std::uint8_t>(flags), 1))) << flags;
  EXPECT_EQ(0U, firewall.tracker().connections());
  EXPECT_EQ(fresh, state(from_client(kSyn | kUrg, 1)));
}

TEST_F(Tracked, ErrorsInTheBurstOfTheirPacketAreRelated) {
  const Bytes udp = packet().ip("10.0.0.1", "198.18.1.11").udp(5000, 53).payload("x").build();
  const Bytes quote(udp.begin() + 14, udp.end());
  const Bytes error = packet().ip("198.18.1.11", "10.0.0.1").icmp(3, 3).payload(quote).build();
  const auto results = firewall.run_burst({udp, error, udp});
  EXPECT_EQ(fresh, results[0].state);
  EXPECT_EQ(related, results[1].state);
  EXPECT_EQ(fresh, results[2].state);
  EXPECT_EQ(1U, firewall.tracker().connections());
}

TEST_F(Tracked, ASenderMayGoOverTheWindowByAnotherOne) {  // as the kernel has it
  open();
  const std::uint32_t limit = 101 + 0xffff;
  EXPECT_EQ(established, state(from_client(kAck, limit + 0xfff9, 501, "early")));
  EXPECT_EQ(established, state(from_server(kAck, 501, limit + 0xfffe)));  // the other side took it
  EXPECT_EQ(invalid, state(from_client(kAck, limit + 0xfffe + 0x1ffff, 501, "early")));
}

TEST_F(Tracked, AWrongChecksumIsInvalidAndMovesNothing) {
  const auto wrong = [](Bytes frame) {
    frame.back() ^= 1;
    return frame;
  };
  EXPECT_EQ(invalid, state(wrong(from_client(kSyn, 100))));
  open();
  EXPECT_EQ(invalid, state(wrong(from_client(kRst, 101))));
  EXPECT_EQ(established, state(from_client(kAck, 101, 501, "data")));
  const auto datagram = [](bool back) {
    return back ? packet().ip("198.18.1.11", "10.0.0.1").udp(7, 5000).payload("x").build()
                : packet().ip("10.0.0.1", "198.18.1.11").udp(5000, 7).payload("x").build();
  };
  EXPECT_EQ(invalid, state(wrong(datagram(false))));
  EXPECT_EQ(fresh, state(datagram(false)));
  EXPECT_EQ(invalid, state(wrong(datagram(true))));
  EXPECT_EQ(fresh, state(datagram(false)));  // still unanswered
}

TEST(BeforeTracking, ADroppedPacketMovesNoConnection) {
  Source source = source_of(
      "table inet t {\n"
      "chain raw { type filter hook prerouting priority raw; tcp flags & rst == rst drop; }\n"
      "chain f { type filter hook forward priority filter; policy drop;\n"
      "ct state { new, established } accept\n} }");
  Firewall firewall(source);
  EXPECT_EQ("accept", firewall.run(from_client(kSyn, 100)).text());
  EXPECT_EQ("accept", firewall.run(from_server(kSyn | kAck, 500, 101)).text());
  EXPECT_EQ("accept", firewall.run(from_client(kAck, 101, 501)).text());
  EXPECT_EQ("rule", firewall.run(from_server(kRst, 501)).text());
  EXPECT_EQ("accept", firewall.run(from_client(kAck, 101, 501, "data")).text());
  EXPECT_EQ(established, firewall.run(from_server(kAck, 501, 105)).state);
}

TEST(BeforeTracking, ARejectedPacketIsNotTracked) {
  Firewall firewall(source_of(
      "table inet t {\n"
      "chain raw { type filter hook prerouting priority raw; udp dport 53 counter reject; }\n"
      "chain f { type filter hook forward priority filter; ct state new counter accept; }\n}"));
  const auto result =
      firewall.run(packet().ip("10.0.0.1", "198.18.1.11").udp(5000, 53).payload("x").build());
  EXPECT_EQ("rule_reject", result.text());
  EXPECT_EQ(3, result.reject_type);
  EXPECT_EQ(0U, firewall.tracker().connections());
  EXPECT_EQ(1U, firewall.counter("t raw: udp dport 53 counter reject").events);
  EXPECT_EQ(0U, firewall.counter("t f: ct state new counter accept").events);
}

TEST(BeforeTracking, NothingIsKnownOfConnections) {
  const auto errors = errors_of(
      source_of("table inet t {\n"
                "chain raw { type filter hook prerouting priority raw; ct state new drop; }\n}"));
  ASSERT_EQ(1U, errors.size());
  EXPECT_NE(std::string::npos, errors[0].find("lab.yaml:31:58: ct state in a chain")) << errors[0];
  EXPECT_NE(std::string::npos, errors[0].find("-200 or more")) << errors[0];
}

TEST(Forward, ChainsSeeTheHopCounted) {
  const auto frame = [](std::uint8_t ttl) {
    return packet().ip("10.0.0.1", "198.18.1.11").ttl(ttl).udp(1, 2).build();
  };
  Firewall forward(forward_chain("ip ttl 63 drop"));
  EXPECT_EQ("rule", forward.run(frame(64)).text());
  EXPECT_EQ("accept", forward.run(frame(63)).text());
  Firewall prerouting(source_of(
      "table inet t { chain p { type filter hook prerouting priority mangle; ip ttl 63 drop; } }"));
  EXPECT_EQ("rule", prerouting.run(frame(63)).text());
}

}  // namespace
}  // namespace sluice::firewall::test
