// The path: its stages in their order, which of them decides what, and that neighbours in a burst
// change nothing.
#include <random>

#include <gmock/gmock.h>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/route/neighbours.hpp"
#include "tests/support/stage_harness.hpp"
#include "tests/unit/pipeline/crew.hpp"

namespace sluice::test {
namespace {

/// What is left of a packet when the path is through with it.
struct End {
  Verdict verdict;
  DropReason reason;
  std::string stage;
  PortId out_port;
  Bytes bytes;  ///< as they would be sent

  bool operator==(const End&) const = default;
};

/// A pipeline of one worker, without the worker.
class Path {
 public:
  explicit Path(const Sources& sources) : snapshot_(snapshot_of(sources)) {
    PipelineOptions options;
    options.slots = &harness_.slots;
    options.tracking = sources.firewall.tracking;
    options.flows_max = 4096;
    pipeline_ = std::make_unique<Pipeline>(options);
  }
  ~Path() {
    pipeline_->neighbours().drop_held(harness_.context);
    EXPECT_EQ(0U, harness_.pool.outstanding());
  }

  std::vector<End> run(const std::vector<Bytes>& frames, PortId in_port = kWan,
                       std::uint16_t flags = 0) {
    auto burst = std::make_unique<Burst>();
    for (const Bytes& frame : frames) {
      Packet& p = burst->packets.at(burst->count++);
      EXPECT_TRUE(harness_.pool.load(p, frame));
      p.in_port = in_port;
      p.flags = flags;
    }
    pipeline_->run(harness_.context, *snapshot_, *burst);
    EXPECT_EQ(0U, burst->alive);
    std::vector<End> ends;
    for (unsigned i = 0; i < burst->count; ++i) ends.push_back(end_of(burst->packets[i]));
    return ends;
  }
  End run_one(const Bytes& frame, PortId in_port = kWan, std::uint16_t flags = 0) {
    return run({frame}, in_port, flags).at(0);
  }

  [[nodiscard]] Pipeline& pipeline() { return *pipeline_; }

 private:
  End end_of(Packet& p) {
    const bool leaves = p.verdict == Verdict::sent || p.verdict == Verdict::answered ||
                        p.verdict == Verdict::punted;
    End end{p.verdict, p.reason, std::string(stage_name(p.stage)), leaves ? p.out_port : kNoPort,
            leaves ? Bytes(p.data, p.data + p.length) : Bytes{}};
    if (!leaves) end.reason = p.verdict == Verdict::dropped ? p.reason : DropReason::none;
    if (p.verdict != Verdict::held) harness_.pool.release(p);
    return end;
  }

  StageHarness harness_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<Pipeline> pipeline_;
};

Bytes syn(std::uint16_t port = 5000) {
  return from_client("198.18.100.80").tcp(port, 80, tcp_flag::kSyn).build();
}

TEST(Path, HasTheseStagesInThisOrder) {
  std::vector<std::string> names;
  for (unsigned i = 0; stage_name(i) != "unknown"; ++i) names.emplace_back(stage_name(i));
  EXPECT_THAT(names,
              ::testing::ElementsAre("parse", "spread", "early", "resolve", "restore", "track",
                                     "route", "filter", "translate", "encapsulate", "deliver"));
  std::size_t at = 0;
  const std::string picture = describe_path();
  for (const std::string& name : names) {
    const std::size_t found = picture.find("  | " + name + " ", at);
    ASSERT_NE(std::string::npos, found) << name << " is in the picture, behind the one before it";
    at = found;
  }
}

struct StageCase {
  const char* name;
  Bytes frame;
  Verdict verdict;
  DropReason reason;
  const char* stage;
};

TEST(Path, EveryEndIsDecidedByItsStage) {
  Sources sources = lab_with("tcp dport 2323 drop\ntcp dport 24 reject with tcp reset");
  sources.firewall.sets = {{"bad", {*Prefix::parse("198.18.0.66/32")}, true}};
  balancer::ServiceSource dead = sources.balancer.services[0];
  dead.name = "dead";
  dead.addresses = {ip("198.18.100.99")};
  dead.backends.clear();
  sources.balancer.services.push_back(dead);
  const MacAddress other{{0x02, 9, 9, 9, 9, 9}};
  const StageCase cases[] = {
      {"cut short", Bytes(13), Verdict::dropped, DropReason::frame_truncated, "parse"},
      {"to another station",
       packet().ethernet(other, kTheirMac).ip("198.18.0.2", "198.18.1.11").udp(1, 2).build(),
       Verdict::dropped, DropReason::not_our_mac, "parse"},
      {"from a listed source", from_client("198.18.1.11", "198.18.0.66").udp(1, 2).build(),
       Verdict::dropped, DropReason::early_list, "early"},
      {"land attack", from_client("198.18.1.11", "198.18.1.11").tcp(7, 7).build(), Verdict::dropped,
       DropReason::land_attack, "early"},
      {"ARP for us", packet().arp(1, kTheirMac, "198.18.0.2", {}, "198.18.0.1").build(),
       Verdict::answered, DropReason::none, "resolve"},
      {"ARP for another", packet().arp(1, kTheirMac, "198.18.0.2", {}, "198.18.0.9").build(),
       Verdict::dropped, DropReason::neighbour_noted, "resolve"},
      {"blocked by a rule", from_client("198.18.1.11").tcp(1, 2323).build(), Verdict::dropped,
       DropReason::rule, "filter"},
      {"rejected by a rule", from_client("198.18.1.11").tcp(1, 24, tcp_flag::kSyn).build(),
       Verdict::answered, DropReason::none, "filter"},
      {"a reset, rejected", from_client("198.18.1.11").tcp(1, 24, tcp_flag::kRst).build(),
       Verdict::dropped, DropReason::rule_reject, "filter"},
      {"no backend", from_client("198.18.100.99").tcp(1, 80, tcp_flag::kSyn).build(),
       Verdict::dropped, DropReason::no_backend, "translate"},
      {"no such service", from_client("198.18.100.80").tcp(1, 81, tcp_flag::kSyn).build(),
       Verdict::dropped, DropReason::service_port_closed, "translate"},
      {"to a service", syn(), Verdict::sent, DropReason::none, "deliver"},
      {"to a backend", from_client("198.18.1.11").udp(1, 2).build(), Verdict::sent,
       DropReason::none, "deliver"},
      {"to a neighbour that is not known", from_client("198.18.1.77").udp(1, 2).build(),
       Verdict::held, DropReason::none, "deliver"},
      {"nowhere", from_client("203.0.113.1").udp(1, 2).build(), Verdict::answered, DropReason::none,
       "deliver"},
      {"its last hop", from_client("198.18.1.11").ttl(1).udp(1, 2).build(), Verdict::answered,
       DropReason::none, "deliver"},
      {"an echo to us", from_client("198.18.0.1").echo_request(1).build(), Verdict::answered,
       DropReason::none, "deliver"},
      {"a query", from_client("198.18.100.53").udp(1, 53).payload(dns_query()).build(),
       Verdict::answered, DropReason::none, "deliver"},
      {"to the host", from_client("198.18.0.1").tcp(1, 22, tcp_flag::kSyn).build(), Verdict::punted,
       DropReason::none, "deliver"},
  };
  for (const StageCase& c : cases) {
    Path path(sources);
    const End end = path.run_one(c.frame);
    EXPECT_EQ(c.verdict, end.verdict) << c.name;
    EXPECT_EQ(name_of(c.reason), name_of(end.reason)) << c.name;
    EXPECT_EQ(c.stage, end.stage) << c.name;
  }
}

TEST(Path, EarlyListsAreBeforeRulesAndServices) {
  Sources sources = lab_with("drop");
  sources.firewall.sets = {{"bad", {*Prefix::parse("198.18.0.2/32")}, true}};
  Path path(sources);
  EXPECT_EQ(DropReason::early_list, path.run_one(syn()).reason);
}

TEST(Path, RulesDoNotConcernArp) {
  Path path(lab_with("", "drop"));
  EXPECT_EQ(
      Verdict::answered,
      path.run_one(packet().arp(1, kTheirMac, "198.18.0.2", {}, "198.18.0.1").build()).verdict);
}

TEST(Path, RulesSeeTheServiceAddressNotTheBackends) {
  Path to_backend(lab_with("tcp dport 8080 drop\nip daddr 198.18.1.0/24 drop"));
  EXPECT_EQ(Verdict::sent, to_backend.run_one(syn()).verdict);
  Path to_service(lab_with("ip daddr 198.18.100.80 tcp dport 80 drop"));
  EXPECT_EQ(DropReason::rule, to_service.run_one(syn()).reason);
}

/// The reply that the backend chosen for `to_backend` would send.
Bytes reply_to(const Bytes& to_backend) {
  const IpAddress backend = IpAddress::from(to_backend.data() + 30, 4);
  return from_backend(backend.text().c_str())
      .tcp(8080, 5000, tcp_flag::kSyn | tcp_flag::kAck, 1, 2)
      .build();
}

TEST(Path, RepliesHaveTheServiceAddressBackBeforeTheRules) {
  Path by_backend(lab_with("tcp sport 8080 drop\nip saddr 198.18.1.0/24 drop"));
  const Bytes reply = reply_to(by_backend.run_one(syn()).bytes);
  const End end = by_backend.run_one(reply, kLan);
  EXPECT_EQ(Verdict::sent, end.verdict);
  EXPECT_EQ(kWan, end.out_port);
  EXPECT_EQ(ip("198.18.100.80"), IpAddress::from(end.bytes.data() + 26, 4));
  EXPECT_EQ(80, load_be16(end.bytes.data() + 34));
  Path by_service(lab_with("ip saddr 198.18.100.80 tcp sport 80 drop"));
  static_cast<void>(by_service.run_one(syn()));
  EXPECT_EQ(DropReason::rule, by_service.run_one(reply, kLan).reason);
}

TEST(Path, AConnectionIsTrackedAsTheClientSeesIt) {
  Path path(lab_with("ct state established accept\ntcp flags & (syn|ack) == syn accept", "drop"));
  const End out = path.run_one(syn());
  ASSERT_EQ(Verdict::sent, out.verdict);
  EXPECT_EQ(Verdict::sent, path.run_one(reply_to(out.bytes), kLan).verdict) << "established";
  EXPECT_EQ(DropReason::rule,
            path.run_one(from_backend().tcp(8080, 5001, tcp_flag::kAck).build(), kLan).reason);
}

TEST(Path, PacketsToUsMeetTheInputHookAndOthersTheForwardHook) {
  Sources sources = lab();
  sources.firewall.rules = {
      rules_source("table inet t {\n"
                   "chain input { type filter hook input priority 0; policy accept;\n"
                   "udp dport 7 drop\n}\n"
                   "chain forward { type filter hook forward priority 0; policy accept;\n"
                   "udp dport 8 drop\n}\n}\n")};
  Path path(sources);
  EXPECT_EQ(DropReason::rule, path.run_one(from_client("198.18.0.1").udp(1, 7).build()).reason);
  EXPECT_EQ(Verdict::punted, path.run_one(from_client("198.18.0.1").udp(1, 8).build()).verdict);
  EXPECT_EQ(Verdict::sent, path.run_one(from_client("198.18.1.11").udp(1, 7).build()).verdict);
  EXPECT_EQ(DropReason::rule, path.run_one(from_client("198.18.1.11").udp(1, 8).build()).reason);
}

TEST(Path, WhatTheHostSendsIsNotFilteredAndKeepsItsHops) {
  Path path(lab_with("", "drop"));
  const Bytes frame = from_client("198.18.1.11", "198.18.0.1").ttl(9).udp(1, 2).build();
  const End end = path.run_one(frame, kHost, packet_flag::kFromHost);
  EXPECT_EQ(Verdict::sent, end.verdict);
  EXPECT_EQ(9, end.bytes.at(22));
}

TEST(Path, AnInvalidPacketIsDroppedForThat) {
  Path path(lab_with("ct state invalid drop"));
  const Bytes stray = from_client("198.18.1.11").icmp(0, 0).build();  // an answer to no question
  EXPECT_EQ(DropReason::connection_invalid, path.run_one(stray).reason);
}

/// Established connections are never forgotten for new ones.
TEST(Path, AFullTableOfConnectionsRefusesNewOnes) {
  Sources sources = lab_with("ct state established accept");
  sources.firewall.tracking.connections_max = 16;
  Path path(sources);
  unsigned accepted = 0;
  End last;
  for (std::uint16_t port = 1; port <= 40; ++port) {
    last = path.run_one(from_client("198.18.1.11").udp(port, 9).build());
    if (last.verdict != Verdict::sent) break;
    ++accepted;
    static_cast<void>(path.run_one(from_backend().udp(9, port).build(), kLan));
  }
  EXPECT_EQ(DropReason::connection_table_full, last.reason);
  EXPECT_EQ("filter", last.stage);
  EXPECT_LE(accepted, 16U);
  EXPECT_GT(accepted, 4U);
}

/// Every kind of packet, spoiled now and then; each of a flow of its own.
std::vector<Bytes> mixture(unsigned count) {
  std::mt19937 random(3);
  std::vector<Bytes> out;
  for (unsigned i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(2000 + i);
    const Bytes kinds[] = {
        syn(port),
        from_client("198.18.1.11").udp(port, 9).payload(Bytes(random() % 200, 7)).build(),
        from_client("198.18.1.11").tcp(port, 2323).build(),
        from_client("198.18.1.12").ttl(1).udp(port, 9).build(),
        from_client("198.18.0.1").echo_request(port).build(),
        from_client("198.18.100.53").udp(port, 53).payload(dns_query()).build(),
        from_client("203.0.113.9").udp(port, 9).build(),
        packet().arp(1, kTheirMac, "198.18.0.2", {}, "198.18.0.1").build(),
        packet().vlan(7).ip("198.18.0.2", "198.18.1.11").udp(port, 9).build(),
        packet().ip("2001:2::2", "2001:2::1").echo_request(port).build(),
    };
    Bytes frame = kinds[random() % std::size(kinds)];
    if (random() % 8 == 0) frame[random() % frame.size()] ^= 0x40;
    if (random() % 16 == 0) frame.resize(random() % frame.size());
    out.push_back(std::move(frame));
  }
  return out;
}

TEST(Path, TheSizeOfABurstChangesNothing) {
  const std::vector<Bytes> frames = mixture(640);
  const auto run_in = [&](std::size_t size) {
    Path path(lab_with("ct state established accept\ntcp dport 2323 drop"));
    std::vector<End> ends;
    for (std::size_t at = 0; at < frames.size(); at += size) {
      const auto first = frames.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = static_cast<std::ptrdiff_t>(std::min(size, frames.size() - at));
      for (End& end : path.run({first, first + count})) ends.push_back(std::move(end));
    }
    return ends;
  };
  const std::vector<End> single = run_in(1);
  for (const std::size_t size : {2, 31, 32, 33, 63, 64})
    EXPECT_TRUE(single == run_in(size)) << size;
}

TEST(Path, AnEmptyBurstIsNothing) {
  Path path(lab_with("drop"));
  EXPECT_TRUE(path.run({}).empty());
}

TEST(Path, IdleTimeForgetsFlows) {
  Path path(lab());
  static_cast<void>(path.run_one(syn()));
  EXPECT_FALSE(path.pipeline().flows().empty());
  StageHarness idle;
  idle.context.now = 100 * kSecond;
  const auto snapshot = snapshot_of(lab());
  for (int i = 0; i < 64; ++i) path.pipeline().tick(idle.context, *snapshot, true);
  EXPECT_TRUE(path.pipeline().flows().empty());
}

}  // namespace
}  // namespace sluice::test
