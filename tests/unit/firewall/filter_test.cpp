/// What rules mean for packets: the semantics of nftables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firewall/firewall_harness.hpp"

namespace sluice::firewall::test {
namespace {

using namespace tcp_flag;

Bytes tcp(std::uint16_t port, std::uint8_t flags = kSyn) {
  return packet().ip("198.18.0.2", "198.18.1.11").tcp(5000, port, flags).build();
}
Bytes tcp6(std::uint16_t port) {
  return packet().ip("2001:2::2", "2001:2:0:1::11").tcp(5000, port, kSyn).build();
}
Bytes udp(std::uint16_t port) {
  return packet().ip("198.18.0.2", "198.18.1.11").udp(5000, port).payload("x").build();
}

/// One rule that drops, on a packet.
std::string verdict(std::string_view rules, const Bytes& frame,
                    std::string_view policy = "accept") {
  Firewall firewall(forward_chain(rules, policy));
  return firewall.run(frame).text();
}

TEST(Filter, NamesDocumentAndLineOfTheDecidingRule) {
  Firewall firewall(forward_chain("tcp dport 22 accept\ntcp dport 2323 drop"));
  const auto result = firewall.run(tcp(2323));
  EXPECT_EQ(Verdict::dropped, result.verdict);
  EXPECT_EQ(DropReason::rule, result.reason);
  EXPECT_EQ("edge:5", result.rule);
  EXPECT_EQ("edge:4", firewall.run(tcp(22)).rule);
  EXPECT_EQ("accept", firewall.run(tcp(80)).text());
}

TEST(Filter, PolicyDecidesWhatNoRuleDid) {
  Firewall firewall(forward_chain("tcp dport 22 accept", "drop"));
  EXPECT_EQ("accept", firewall.run(tcp(22)).text());
  const auto result = firewall.run(tcp(23));
  EXPECT_EQ(DropReason::rule, result.reason);
  EXPECT_EQ("edge:3 policy", result.rule);
}

TEST(Filter, AddressesAskForTheirFamily) {
  EXPECT_EQ("rule", verdict("ip saddr 198.18.0.0/24 drop", tcp(80)));
  EXPECT_EQ("accept", verdict("ip saddr 198.18.0.0/24 drop", tcp6(80)));
  EXPECT_EQ("accept", verdict("ip saddr != 10.0.0.0/8 drop", tcp6(80)));
  EXPECT_EQ("rule", verdict("ip saddr != 10.0.0.0/8 drop", tcp(80)));
  EXPECT_EQ("rule", verdict("ip6 daddr 2001:2:0:1::10-2001:2:0:1::20 drop", tcp6(80)));
  EXPECT_EQ("rule", verdict("ip daddr { 198.18.1.0/28, 10.0.0.1 } drop", tcp(80)));
}

TEST(Filter, IntervalBoundaries) {
  EXPECT_EQ("rule", verdict("ip saddr 0.0.0.0/0 drop", tcp(80)));
  EXPECT_EQ("rule", verdict("ip6 saddr ::/0 drop", tcp6(80)));
  EXPECT_EQ("rule", verdict("ip saddr 198.18.0.2/32 drop", tcp(80)));
  EXPECT_EQ("rule", verdict("tcp dport 0-65535 drop", tcp(65535)));
  EXPECT_EQ("rule", verdict("tcp dport { 1-79, 80, 81-65535 } drop", tcp(80)));
  EXPECT_EQ("accept", verdict("tcp dport 1-79 drop", tcp(80)));
  EXPECT_EQ("accept", verdict("tcp dport 81-65535 drop", tcp(80)));
  EXPECT_EQ("rule", verdict("tcp dport > 79 tcp dport <= 80 drop", tcp(80)));
  EXPECT_EQ("accept", verdict("tcp dport < 80 drop", tcp(80)));
}

TEST(Filter, PortsAskForTheirProtocol) {
  EXPECT_EQ("accept", verdict("tcp dport 53 drop", udp(53)));
  EXPECT_EQ("rule", verdict("udp dport domain drop", udp(53)));
  EXPECT_EQ("rule", verdict("meta l4proto { tcp, udp } th dport 53 drop", udp(53)));
  const Bytes echo = packet().ip("198.18.0.2", "198.18.1.11").echo_request(53).build();
  EXPECT_EQ("accept", verdict("udp dport 53 drop\ntcp sport 53 drop", echo));
}

TEST(Filter, TcpFlags) {
  struct Case {
    const char* match;
    std::uint8_t flags;
    bool matches;
  };
  constexpr std::array<Case, 18> kCases{{
      {"syn", kSyn, true},
      {"syn", kAck, false},
      {"syn", kSyn | kAck, true},
      {"syn,ack", kAck, true},
      {"syn,ack", kFin, false},
      {"== syn", kSyn | kAck, false},
      {"== syn", kSyn, true},
      {"!= syn", kSyn, false},
      {"! syn", kAck, true},
      {"! syn,rst", kRst | kAck, false},
      {"& (fin|syn|rst|ack) == syn", kSyn | kPsh, true},
      {"& (fin|syn|rst|ack) == syn", kSyn | kAck, false},
      {"& (fin|syn|rst|ack) != syn", kSyn | kAck, true},
      {"& (syn|ack) == syn | ack", kSyn | kAck, true},
      {"syn / syn,ack", kSyn | kPsh, true},
      {"!= syn / syn,ack", kSyn | kPsh, false},
      {"{ syn, syn | ack }", kSyn | kAck, true},
      {"{ syn, syn | ack }", kSyn | kPsh, false},
  }};
  for (const Case& c : kCases) {
    const std::string rule = std::string("tcp flags ") + c.match + " drop";
    EXPECT_EQ(c.matches ? "rule" : "accept", verdict(rule, tcp(80, c.flags)))
        << rule << " on " << int{c.flags};
  }
}

TEST(Filter, IcmpTypes) {
  const Bytes echo = packet().ip("198.18.0.2", "198.18.1.11").echo_request(7).build();
  const Bytes echo6 = packet().ip("2001:2::2", "2001:2:0:1::11").echo_request(7).build();
  EXPECT_EQ("rule", verdict("icmp type echo-request drop", echo));
  EXPECT_EQ("rule", verdict("icmp type 8 icmp code 0 drop", echo));
  EXPECT_EQ("accept", verdict("icmp type echo-request drop", echo6));
  EXPECT_EQ("rule", verdict("icmpv6 type { echo-request, echo-reply } drop", echo6));
  EXPECT_EQ("accept", verdict("icmp type != echo-request drop", tcp(80)));
}

TEST(Filter, TtlAndDscpAndNextHeader) {
  const Bytes near = packet().ip("198.18.0.2", "198.18.1.11").ttl(1).udp(1, 2).build();
  EXPECT_EQ("rule", verdict("ip ttl < 2 drop", near));
  EXPECT_EQ("accept", verdict("ip ttl < 2 drop", udp(53)));
  EXPECT_EQ("rule", verdict("ip dscp cs0 drop", udp(53)));
  EXPECT_EQ("accept", verdict("ip dscp ef drop", udp(53)));
  EXPECT_EQ("rule", verdict("ip6 nexthdr tcp drop", tcp6(80)));
  const Bytes behind_options = packet()
                                   .ip("2001:2::2", "2001:2:0:1::11")
                                   .extension(60, {0, 1, 4, 0, 0, 0, 0})
                                   .tcp(1, 2, kSyn)
                                   .build();
  EXPECT_EQ("accept", verdict("ip6 nexthdr tcp drop", behind_options));
  EXPECT_EQ("rule", verdict("meta l4proto tcp drop", behind_options));
}

TEST(Filter, Interfaces) {
  Firewall firewall(forward_chain("iifname \"lan\" drop"));
  EXPECT_EQ("accept", firewall.run_burst({tcp(80)}, 0, 0).at(0).text());
  EXPECT_EQ("rule", firewall.run_burst({tcp(80)}, 0, 1).at(0).text());
  EXPECT_EQ("rule", verdict("meta iifname { wan, lan } drop", tcp(80)));
  EXPECT_EQ("rule", verdict("iifname \"w*\" drop", tcp(80)));
}

TEST(Filter, JumpReturnsAndGotoDoesNot) {
  const auto verdict_of = [](std::string_view main, std::string_view side) {
    Firewall firewall(source_of(
        "table inet t {\nchain side {\n" + std::string(side) + "\n}\nchain main {\n" +
        "type filter hook forward priority 0; policy accept;\n" + std::string(main) + "\n}\n}"));
    return firewall.run(tcp(80)).text();
  };
  EXPECT_EQ("rule", verdict_of("jump side\ndrop", ""));
  EXPECT_EQ("rule", verdict_of("jump side\ndrop", "return"));
  EXPECT_EQ("accept", verdict_of("jump side\ndrop", "accept"));
  EXPECT_EQ("accept", verdict_of("goto side\ndrop", ""));
  EXPECT_EQ("rule", verdict_of("tcp dport 80 jump side", "drop"));
  EXPECT_EQ("accept", verdict_of("return\ndrop", ""));
}

TEST(Filter, SixteenJumpsDeep) {
  std::string text = "table inet t {\n";
  for (int i = 16; i >= 0; --i) {
    text += "chain c" + std::to_string(i) + " {\n";
    if (i == 0) text += "type filter hook forward priority 0;\n";
    text += i == 16 ? "drop\n}\n" : "jump c" + std::to_string(i + 1) + "\n}\n";
  }
  Firewall firewall(source_of(text + "}"));
  EXPECT_EQ("rule", firewall.run(tcp(80)).text());
}

TEST(Filter, AcceptInOneBaseChainDoesNotStopALaterOne) {
  const auto verdict_of = [](int first, int second) {
    Firewall firewall(source_of("table inet a { chain x { type filter hook forward priority " +
                                std::to_string(first) +
                                "; accept; } }\ntable inet b { chain y { type filter hook forward "
                                "priority " +
                                std::to_string(second) + "; drop; } }"));
    return firewall.run(tcp(80)).text();
  };
  EXPECT_EQ("rule", verdict_of(0, 10));
  EXPECT_EQ("rule", verdict_of(10, 0));
}

TEST(Filter, PriorityOrdersBaseChains) {
  Firewall firewall(source_of(
      "table inet a { chain x { type filter hook forward priority filter + 1; counter drop; } }\n"
      "table inet b { chain y { type filter hook forward priority raw; counter drop; } }"));
  EXPECT_EQ("rule", firewall.run(tcp(80)).text());
  EXPECT_EQ(0U, firewall.counter("a x: counter drop").events);
  EXPECT_EQ(1U, firewall.counter("b y: counter drop").events);
}

TEST(Filter, HooksSeeTheirPackets) {
  Firewall firewall(
      source_of("table inet t {\n"
                "counter all {}\ncounter pre {}\ncounter in {}\ncounter transit {}\n"
                "chain a { type filter hook ingress priority 0; counter name all; }\n"
                "chain b { type filter hook prerouting priority 0; counter name pre; }\n"
                "chain c { type filter hook input priority 0; counter name in; }\n"
                "chain d { type filter hook forward priority 0; counter name transit; }\n}"));
  firewall.run(tcp(80));
  firewall.run_local(tcp(80));
  firewall.run_local(tcp(80));
  EXPECT_EQ(3U, firewall.counter("all").events);
  EXPECT_EQ(3U, firewall.counter("pre").events);
  EXPECT_EQ(2U, firewall.counter("in").events);
  EXPECT_EQ(1U, firewall.counter("transit").events);
}

TEST(Filter, IngressOfSomeDevices) {
  Firewall firewall(
      source_of("table netdev t { chain c { type filter hook ingress device \"lan\" "
                "priority 0; policy drop; } }"));
  EXPECT_EQ("accept", firewall.run_burst({tcp(80)}, 0, 0).at(0).text());
  EXPECT_EQ("rule", firewall.run_burst({tcp(80)}, 0, 1).at(0).text());
}

TEST(Filter, ATableOfOneFamilyLeavesTheOtherAlone) {
  Firewall firewall(
      source_of("table ip t { chain c { type filter hook forward priority 0; policy drop; } }"));
  EXPECT_EQ("rule", firewall.run(tcp(80)).text());
  EXPECT_EQ("accept", firewall.run(tcp6(80)).text());
}

TEST(Filter, CountersCountWhereTheyStand) {
  Firewall firewall(forward_chain("counter tcp dport 80 counter accept"));
  firewall.run(tcp(80));
  firewall.run(tcp(81));
  const std::string rule = "filter forward: counter tcp dport 80 counter accept";
  EXPECT_EQ(2U, firewall.counter(rule).events);
  EXPECT_EQ(80U, firewall.counter(rule).units);  // IP packets of 40 bytes
  EXPECT_EQ(1U, firewall.counter(rule + " counter 2").events);
}

TEST(Filter, NamedCounterGoesOnAfterAChange) {
  const auto rules = [](std::string_view more) {
    return source_of(
        "table inet filter {\ncounter telnet-alt { packets 0 bytes 0 }\n"
        "chain forward { type filter hook forward priority 0;\n" +
        std::string(more) +
        "tcp dport 2323 counter name \"telnet-alt\" drop\n"
        "tcp dport 80 counter\n}\n}");
  };
  Firewall firewall(rules(""));
  firewall.run(tcp(2323));
  firewall.run(tcp(80));
  firewall.replace(rules("tcp dport 25 drop\n"));
  firewall.run(tcp(2323));
  firewall.run(tcp(80));
  EXPECT_EQ(2U, firewall.counter("telnet-alt").events);
  EXPECT_EQ(80U, firewall.counter("telnet-alt").units);
  EXPECT_EQ(2U, firewall.counter("filter forward: tcp dport 80 counter").events);
}

TEST(Filter, VerdictMap) {
  const std::string rules = "tcp dport vmap { 22 : accept, 80-90 : drop, 443 : jump web }";
  Firewall firewall(
      source_of("table inet t {\nchain web { reject }\nchain c {\n"
                "type filter hook forward priority 0;\n" +
                rules + "\n}\n}"));
  EXPECT_EQ("accept", firewall.run(tcp(22)).text());
  EXPECT_EQ("rule", firewall.run(tcp(85)).text());
  EXPECT_EQ("rule_reject", firewall.run(tcp(443)).text());
  EXPECT_EQ("accept", firewall.run(tcp(1000)).text());
}

TEST(Filter, RejectAsksForItsAnswer) {
  struct Case {
    const char* statement;
    bool v6;
    std::uint8_t type;
    std::uint8_t code;
  };
  constexpr std::array<Case, 7> kCases{{
      {"reject", false, 3, 3},
      {"reject", true, 1, 4},
      {"reject with tcp reset", false, 0, 0},
      {"reject with icmp type host-unreachable", false, 3, 1},
      {"reject with icmpv6 no-route", true, 1, 0},
      {"reject with icmpx type admin-prohibited", false, 3, 13},
      {"reject with icmpx admin-prohibited", true, 1, 1},
  }};
  for (const Case& c : kCases) {
    Firewall firewall(forward_chain(c.statement));
    const auto result = firewall.run(c.v6 ? tcp6(80) : tcp(80));
    EXPECT_EQ(Verdict::none, result.verdict) << c.statement;
    EXPECT_EQ(DropReason::rule_reject, result.reason) << c.statement;
    EXPECT_EQ(c.type, result.reject_type) << c.statement;
    EXPECT_EQ(c.code, result.reject_code) << c.statement;
  }
  EXPECT_EQ("accept", verdict("reject with tcp reset", udp(53)));
  EXPECT_EQ("accept", verdict("reject with icmp type host-unreachable", tcp6(80)));
}

TEST(Filter, ARejectForSomePacketsMakesItsRuleForThem) {
  const auto udp6 = packet().ip("2001:2::2", "2001:2:0:1::11").udp(5000, 53).payload("x").build();
  Firewall firewall(
      forward_chain("counter udp dport 53 reject with icmp host-unreachable\n"
                    "counter ip saddr 198.18.0.2 reject with tcp reset\n"
                    "counter tcp dport 22 reject with tcp reset"));
  EXPECT_EQ("accept", firewall.run(udp6).text());
  EXPECT_EQ("rule_reject", firewall.run(udp(53)).text());
  EXPECT_EQ("accept", firewall.run(udp(54)).text());
  const auto count = [&](std::string_view rule) {
    return firewall.counter("filter forward: " + std::string(rule)).events;
  };
  EXPECT_EQ(2U, count("counter udp dport 53 reject with icmp host-unreachable"));
  EXPECT_EQ(0U, count("counter ip saddr 198.18.0.2 reject with tcp reset"));
  EXPECT_EQ(2U, count("counter tcp dport 22 reject with tcp reset"));
}

TEST(Filter, Sets) {
  Source source = source_of(
      "define extra = { 8080, 8443 }\n"
      "table inet t {\n"
      "set hosts { type ipv4_addr; flags interval; elements = { 198.18.0.0/30,\n 10.0.0.1 } }\n"
      "set ports { type inet_service; elements = { 22, http } }\n"
      "chain c { type filter hook forward priority 0;\n"
      "ip saddr @hosts tcp dport @ports drop\n"
      "tcp dport $extra drop\n"
      "ip saddr != @hosts drop\n"
      "ip daddr @listed tcp dport 99 drop\n"
      "}\n}");
  source.sets.push_back(
      {"listed", {*Prefix::parse("198.18.1.0/24"), *Prefix::parse("::/0")}, false});
  Firewall firewall(source);
  EXPECT_EQ("rule", firewall.run(tcp(80)).text());
  EXPECT_EQ("accept", firewall.run(tcp(81)).text());
  EXPECT_EQ("edge:8", firewall.run(tcp(8443)).rule);
  EXPECT_EQ("edge:10", firewall.run(tcp(99)).rule);
  const Bytes other = packet().ip("198.18.0.9", "198.18.1.11").tcp(5000, 1, kSyn).build();
  EXPECT_EQ("edge:9", firewall.run(other).rule);
}

TEST(Early, ListedSourcesAndLand) {
  Source source;
  source.sets.push_back(
      {"bad", {*Prefix::parse("198.18.0.0/30"), *Prefix::parse("2001:2::/64")}, true});
  Firewall firewall(source);
  EXPECT_EQ(DropReason::early_list, firewall.run(tcp(80)).reason);
  EXPECT_EQ(DropReason::early_list, firewall.run(tcp6(80)).reason);
  const Bytes land = packet().ip("198.18.1.11", "198.18.1.11").tcp(80, 80, kSyn).build();
  EXPECT_EQ(DropReason::land_attack, firewall.run(land).reason);
}

}  // namespace
}  // namespace sluice::firewall::test
