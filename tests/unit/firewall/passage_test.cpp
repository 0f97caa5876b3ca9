/// Packets of a connection are not held against all rules again, and must not be told from those
/// that are.
#include <gtest/gtest.h>

#include "tests/unit/firewall/firewall_harness.hpp"

namespace sluice::firewall::test {
namespace {

using namespace tcp_flag;

Bytes udp(std::uint16_t from, std::uint16_t to, std::uint8_t ttl = 64) {
  return packet().ip("10.0.0.1", "198.18.1.11").ttl(ttl).udp(from, to).payload("x").build();
}
Bytes udp_back(std::uint16_t from, std::uint16_t to) {
  return packet().ip("198.18.1.11", "10.0.0.1").udp(from, to).payload("x").build();
}
Bytes tcp(std::uint8_t flags, std::uint32_t sequence) {
  return packet().ip("10.0.0.1", "198.18.1.11").tcp(5000, 80, flags, sequence, 7).build();
}

std::uint64_t own(const Firewall& firewall, const std::string& rule) {
  return firewall.counter("filter forward: " + rule).events;
}

TEST(Passage, EveryPacketIsCountedAndHasItsRule) {
  Firewall firewall(forward_chain(
      "counter\nct state new counter accept\nct state established counter accept", "drop"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ("edge:5", firewall.run(udp(1, 2)).rule);
  for (int i = 0; i < 3; ++i) EXPECT_EQ("edge:6", firewall.run(udp_back(2, 1)).rule);
  for (int i = 0; i < 4; ++i) EXPECT_EQ("edge:6", firewall.run(udp(1, 2)).rule);
  EXPECT_EQ(12U, own(firewall, "counter"));
  EXPECT_EQ(12U * 29, firewall.counter("filter forward: counter").units);
  EXPECT_EQ(5U, own(firewall, "ct state new counter accept"));
  EXPECT_EQ(7U, own(firewall, "ct state established counter accept"));
}

TEST(Passage, OtherRulesAreMetAtOnce) {
  Firewall firewall(forward_chain("ct state new,established accept"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ("accept", firewall.run(udp(1, 2)).text());
  firewall.replace(forward_chain("udp dport 2 drop\nct state new,established accept"));
  EXPECT_EQ("rule", firewall.run(udp(1, 2)).text());
  firewall.replace(forward_chain("ct state new,established accept"));
  EXPECT_EQ("accept", firewall.run(udp(1, 2)).text());
  firewall.replace(forward_chain("udp dport 2 counter\nct state new,established accept"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ("accept", firewall.run(udp(1, 2)).text());
  EXPECT_EQ(3U, own(firewall, "udp dport 2 counter"));
}

TEST(Passage, WhatPacketsOfAConnectionDoNotShare) {
  Firewall ttl(forward_chain("ct state invalid drop\nip ttl < 10 drop"));
  EXPECT_EQ("accept", ttl.run(udp(1, 2)).text());
  EXPECT_EQ("rule", ttl.run(udp(1, 2, 5)).text());
  EXPECT_EQ("accept", ttl.run(udp(1, 2)).text());
  Firewall flags(forward_chain("ct state invalid drop\ntcp flags & psh == psh drop"));
  EXPECT_EQ("accept", flags.run(tcp(kAck, 1)).text());
  EXPECT_EQ("accept", flags.run(tcp(kAck, 1)).text());
  EXPECT_EQ("rule", flags.run(tcp(kAck | kPsh, 1)).text());
  EXPECT_EQ("accept", flags.run(tcp(kAck, 1)).text());
  Firewall ports(forward_chain("ct state invalid drop\niifname lan drop"));
  EXPECT_EQ("accept", ports.run(udp(1, 2)).text());
  EXPECT_EQ("rule", ports.run_burst({udp(1, 2)}, 0, 1).at(0).text());
  EXPECT_EQ("accept", ports.run(udp(1, 2)).text());
}

TEST(Passage, ForTheHostAndThroughItAreDifferent) {
  Firewall firewall(source_of(
      "table inet t {\nchain f { type filter hook forward priority 0; ct state new accept; }\n"
      "chain i { type filter hook input priority 0; ct state new counter drop; }\n}"));
  EXPECT_EQ("accept", firewall.run(udp(1, 2)).text());
  EXPECT_EQ("rule", firewall.run_local(udp(1, 2)).text());
  EXPECT_EQ("accept", firewall.run(udp(1, 2)).text());
}

TEST(Passage, FragmentsAreHeldAgainstTheRules) {
  Firewall firewall(forward_chain("ct state invalid drop\nudp dport 2 counter"));
  const auto first = packet()
                         .ip("10.0.0.1", "198.18.1.11")
                         .udp(1, 2)
                         .payload(Bytes(992))
                         .fragment(0, true)
                         .build();
  EXPECT_EQ("accept", firewall.run(udp(1, 2)).text());
  EXPECT_EQ("accept", firewall.run(first).text());
  EXPECT_EQ("accept", firewall.run(udp(1, 2)).text());
  EXPECT_EQ(3U, own(firewall, "udp dport 2 counter"));
}

TEST(Passage, MoreCountersAndMoreWaysThanAreRemembered) {
  std::string rules = "counter\ncounter\ncounter\ncounter\ncounter\nct state invalid drop\n";
  Firewall many(forward_chain(rules));
  for (int i = 0; i < 3; ++i) many.run(udp(1, 2));
  EXPECT_EQ(3U, own(many, "counter #5"));
  rules = "ct state invalid drop\n";
  for (int i = 1; i <= 1500; ++i) rules += "udp dport " + std::to_string(i) + " accept\n";
  Source source = forward_chain(rules, "drop");
  source.tracking.connections_max = 4096;
  Firewall ways(source);
  for (int round = 0; round < 3; ++round)
    for (int i = 1; i <= 1500; ++i)
      ASSERT_EQ("edge:" + std::to_string(i + 4),
                ways.run(udp(9, static_cast<std::uint16_t>(i))).rule);
}

TEST(Passage, ARecordGivenToAnotherConnectionInTheSameBurst) {
  Source source = forward_chain("ct state invalid drop\nudp dport 2 counter\nudp dport 3 counter");
  source.tracking.connections_max = 1;
  Firewall firewall(source);
  firewall.run(udp(1, 2));
  firewall.run(udp(1, 2));
  // The first packet's connection takes the only record, which the second's had when it was found.
  firewall.run_burst({udp(1, 3), udp(1, 2)});
  EXPECT_EQ(3U, own(firewall, "udp dport 2 counter"));
  EXPECT_EQ(1U, own(firewall, "udp dport 3 counter"));
}

}  // namespace
}  // namespace sluice::firewall::test
