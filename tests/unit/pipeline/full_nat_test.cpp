// Full NAT across workers, and through the whole pipeline: the wire, the books, the resets.
#include <map>
#include <random>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/packet/bytes.hpp"
#include "tests/unit/pipeline/crew.hpp"

namespace sluice::test {
namespace {

Sources full_nat_lab() {
  Sources out = lab_with("ct state established accept\niifname \"lan\" drop");
  balancer::ServiceSource& web = out.balancer.services[0];
  web.mode = balancer::Mode::full_nat;
  web.local.addresses = {*Prefix::parse("198.18.1.64/30")};
  return out;
}

Bytes reply_to(const Bytes& sent, std::uint8_t flags) {
  const FlowKey key = key_of(sent);
  return from_backend(key.destination.text().c_str(), key.source.text().c_str())
      .tcp(key.destination_port, key.source_port, flags, 1, 2)
      .build();
}

struct Arrangement {
  std::uint16_t workers;
  bool spread;  ///< in software; otherwise a NIC would, by a hash that nobody here knows
};

class FullNatCrew : public ::testing::TestWithParam<Arrangement> {};

/// A flow's packets arrive at one worker, replies at any.
TEST_P(FullNatCrew, RepliesComeHome) {
  const auto [count, spread] = GetParam();
  CrewOptions options;
  options.workers = count;
  options.spread = spread;
  Crew crew(full_nat_lab(), options);
  std::mt19937 random(count);
  constexpr std::uint16_t kFlows = 300;
  for (std::uint16_t i = 0; i < kFlows; ++i)
    crew.push(kWan,
              from_client("198.18.100.80")
                  .tcp(static_cast<std::uint16_t>(2000 + i), 80, tcp_flag::kSyn)
                  .build(),
              static_cast<std::uint16_t>(random() % count));
  crew.turn_all();
  const auto to_backends = crew.sent(kLan);
  ASSERT_EQ(kFlows, to_backends.size());
  std::map<std::pair<IpAddress, std::uint16_t>, std::uint64_t> handed;
  for (const Bytes& frame : to_backends) {
    EXPECT_TRUE(Prefix::parse("198.18.1.64/30")->contains(key_of(frame).source));
    crew.push(kLan, reply_to(frame, tcp_flag::kSyn | tcp_flag::kAck),
              static_cast<std::uint16_t>(random() % count));
  }
  crew.turn_all();
  std::map<std::uint16_t, unsigned> clients;
  for (const Bytes& frame : crew.sent(kWan)) {
    EXPECT_EQ(ip("198.18.100.80"), key_of(frame).source);
    EXPECT_EQ(ip("198.18.0.2"), key_of(frame).destination);
    ++clients[key_of(frame).destination_port];
  }
  EXPECT_EQ(kFlows, clients.size()) << "each client port once";
  EXPECT_EQ(0U, crew.dropped(DropReason::rule));
  crew.expect_balanced();
}
INSTANTIATE_TEST_SUITE_P(Workers, FullNatCrew,
                         ::testing::Values(Arrangement{1, false}, Arrangement{2, true},
                                           Arrangement{5, true}, Arrangement{2, false},
                                           Arrangement{4, false}));

TEST(FullNatPath, TheLocalAddressIsOursOnTheWire) {
  Crew crew(full_nat_lab());
  crew.push(kLan, packet().arp(1, kTheirMac, "198.18.1.11", {}, "198.18.1.65").build());
  crew.push(kLan, from_backend("198.18.1.11", "198.18.1.65").echo_request(1).build());
  crew.push(kLan, from_backend("198.18.1.11", "198.18.1.65").tcp(8080, 9, tcp_flag::kAck).build());
  crew.turn_all();
  EXPECT_EQ(3U, crew.sent(kLan).size()) << "ARP, echo, and a reset for what is of no flow";
  crew.expect_balanced();
}

TEST(FullNatPath, MidStreamIsReset) {
  Crew crew(full_nat_lab());
  crew.push(kWan, from_client("198.18.100.80").tcp(9, 80, tcp_flag::kAck, 5, 77).build());
  crew.push(kWan, from_client("198.18.100.80").tcp(9, 80, tcp_flag::kRst, 5).build());
  Bytes damaged = from_client("198.18.100.80").tcp(9, 80, tcp_flag::kAck, 5, 77).build();
  damaged[14 + 20 + 16] ^= 1;
  crew.push(kWan, damaged);
  crew.turn_all();
  const auto sent = crew.sent(kWan);
  ASSERT_EQ(1U, sent.size());
  EXPECT_EQ(77U, load_be32(sent[0].data() + 14 + 20 + 4));
  EXPECT_EQ(tcp_flag::kRst, sent[0][14 + 20 + 13]);
  EXPECT_EQ(1U, crew.dropped(DropReason::flow_unknown));
  EXPECT_EQ(1U, crew.dropped(DropReason::l4_checksum));
  crew.expect_balanced();
}

}  // namespace
}  // namespace sluice::test
