// What `sluice why` tells of a packet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/packet/why_frame.hpp"
#include "tests/unit/why/world.hpp"

namespace sluice::test {
namespace {

using testing::HasSubstr;

class WhyTest : public testing::Test {
 protected:
  static DescribedPacket flow(std::uint8_t protocol, const char* source, std::uint16_t source_port,
                              const char* destination, std::uint16_t destination_port) {
    DescribedPacket packet;
    packet.key = {*IpAddress::parse(source), *IpAddress::parse(destination), source_port,
                  destination_port, protocol};
    return packet;
  }
  std::unique_ptr<Rehearsal> why(const DescribedPacket& packet) {
    return world_.rehearse(frame_of(packet, kOurMac), 0, 0, true);
  }
  /// Decision of a stage in words; empty if the packet did not come there.
  std::string decision(const Rehearsal& rehearsal, std::string_view stage) {
    for (const StepText& step : steps_of(rehearsal, world_.snapshot(), {}))
      if (step.stage == stage) return step.decision;
    return {};
  }
  World world_{lab_sources()};
};

TEST_F(WhyTest, FramesOfEveryProtocolAreWellFormed) {
  for (const std::uint8_t protocol :
       {ip_protocol::kTcp, ip_protocol::kUdp, ip_protocol::kIcmp, std::uint8_t{47}}) {
    const auto rehearsal = why(flow(protocol, "198.18.0.2", 5000, "198.18.1.11", 99));
    EXPECT_EQ(Verdict::sent, rehearsal->record().verdict) << unsigned{protocol};
  }
  for (const std::uint8_t protocol : {ip_protocol::kTcp, ip_protocol::kUdp, ip_protocol::kIcmp6}) {
    const auto rehearsal = why(flow(protocol, "2001:2::2", 5000, "2001:2:0:1::11", 99));
    EXPECT_EQ(Verdict::held, rehearsal->record().verdict) << unsigned{protocol};
  }
}

TEST_F(WhyTest, ADropNamesItsRule) {
  const auto rehearsal = why(flow(ip_protocol::kTcp, "198.18.0.2", 5000, "198.18.1.11", 2323));
  EXPECT_EQ(Verdict::dropped, rehearsal->record().verdict);
  EXPECT_EQ("edge:12", rule_name(world_.snapshot(), rehearsal->packet().rule));
  EXPECT_THAT(decision(*rehearsal, "filter"), HasSubstr("rule edge:12"));
  EXPECT_THAT(decision(*rehearsal, "route"), HasSubstr("by prefix 198.18.1.11/32"));
}

TEST_F(WhyTest, AFlowIsKnownOnceItIsThere) {
  DescribedPacket packet = flow(ip_protocol::kTcp, "198.18.0.2", 5000, "198.18.100.80", 80);
  auto rehearsal = why(packet);
  EXPECT_FALSE(rehearsal->known().flow);
  EXPECT_FALSE(rehearsal->known().connection);
  EXPECT_THAT(decision(*rehearsal, "translate"), HasSubstr("chosen by Maglev"));
  const std::uint32_t chosen = rehearsal->packet().backend;

  const Outcome real = world_.run(frame_of(packet, kOurMac), 0);
  EXPECT_EQ(chosen, real.packet.backend);
  rehearsal = why(packet);
  ASSERT_TRUE(rehearsal->known().flow);
  EXPECT_EQ(balancer::FlowState::opening, rehearsal->known().flow->state);
  EXPECT_THAT(decision(*rehearsal, "restore"), HasSubstr("opening, 5 s left"));
  EXPECT_THAT(decision(*rehearsal, "track"), HasSubstr("syn_sent"));
  EXPECT_THAT(decision(*rehearsal, "translate"), HasSubstr("as its flow says"));
  EXPECT_EQ(chosen, rehearsal->packet().backend);
}

TEST_F(WhyTest, ASegmentGetsTheNumbersThatComeNext) {
  const auto client = [] { return packet().ip("198.18.0.2", "198.18.1.11"); };
  const auto server = [] {
    return packet()
        .ethernet(MacAddress{{0x02, 0, 0, 0, 1, 0xfe}}, kTheirMac)
        .ip("198.18.1.11", "198.18.0.2");
  };
  world_.run(client().tcp(5000, 99, tcp_flag::kSyn, 1'000'000).build(), 0);
  world_.run(server().tcp(99, 5000, tcp_flag::kSyn | tcp_flag::kAck, 7'000'000, 1'000'001).build(),
             1);
  world_.run(client().tcp(5000, 99, tcp_flag::kAck, 1'000'001, 7'000'001).build(), 0);
  DescribedPacket packet = flow(ip_protocol::kTcp, "198.18.0.2", 5000, "198.18.1.11", 99);
  packet.tcp_flags = tcp_flag::kAck;
  const auto rehearsal = why(packet);
  EXPECT_EQ(Verdict::sent, rehearsal->record().verdict);
  EXPECT_EQ(ConnectionState::established, rehearsal->packet().connection);
  EXPECT_THAT(decision(*rehearsal, "track"), HasSubstr("known: established"));
}

TEST_F(WhyTest, WhatANeighbourIsNeededForWaits) {
  const DescribedPacket packet = flow(ip_protocol::kUdp, "198.18.0.2", 5000, "198.18.1.12", 99);
  EXPECT_THAT(decision(*why(packet), "deliver"), HasSubstr("held; the next hop"));
  world_.run(frame_of(packet, kOurMac), 0);
  world_.resolve(1, "198.18.1.12");
  const auto rehearsal = why(packet);
  EXPECT_EQ(Verdict::sent, rehearsal->record().verdict);
  EXPECT_THAT(decision(*rehearsal, "deliver"),
              HasSubstr("198.18.1.12 at 02:00:00:00:00:01 reachable"));
}

TEST_F(WhyTest, NoRouteIsAnsweredWithAnError) {
  const auto rehearsal = why(flow(ip_protocol::kUdp, "198.18.0.2", 5000, "203.0.113.1", 99));
  EXPECT_EQ(Verdict::answered, rehearsal->record().verdict);
  EXPECT_THAT(decision(*rehearsal, "route"), HasSubstr("no route"));
  EXPECT_THAT(decision(*rehearsal, "deliver"), HasSubstr("network unreachable"));
}

TEST_F(WhyTest, ARejectSaysHow) {
  EXPECT_THAT(
      decision(*why(flow(ip_protocol::kTcp, "198.18.0.2", 5000, "198.18.1.11", 2424)), "filter"),
      HasSubstr("TCP reset"));
  EXPECT_THAT(
      decision(*why(flow(ip_protocol::kUdp, "198.18.0.2", 5000, "198.18.1.11", 2525)), "filter"),
      HasSubstr("port unreachable"));
}

}  // namespace
}  // namespace sluice::test
