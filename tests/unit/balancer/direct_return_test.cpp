#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

Bytes to_direct(std::uint16_t port, std::uint8_t flags, bool v4 = true) {
  return packet()
      .ip(v4 ? "198.18.0.2" : "2001:2::2", v4 ? "198.18.100.81" : "2001:2:0:100::81")
      .tcp(port, 8080, flags)
      .build();
}

TEST(DirectReturn, LeavesThePacketAndNamesTheNextHop) {
  Balancer lab;
  for (const bool v4 : {true, false}) {
    const Bytes frame = to_direct(5000, tcp_flag::kSyn, v4);
    const auto sent = lab.send(frame);
    EXPECT_EQ(frame, sent.bytes);
    EXPECT_TRUE(sent.packet.has(packet_flag::kTranslated));
    ASSERT_NE(nullptr, sent.packet.via);
    const Backend& chosen = lab.services->backends()[sent.packet.backend - 1];
    EXPECT_EQ(chosen.addresses[v4 ? 0 : 1], *sent.packet.via);
  }
}

TEST(DirectReturn, StaysWithItsBackend) {
  Balancer lab;
  const std::string first = lab.backend_of(lab.send(to_direct(5000, tcp_flag::kSyn)).packet);
  for (BackendSource& b : lab.source.services[1].backends)
    if (b.name == first) b.weight = 0;
  lab.apply();
  EXPECT_EQ(first, lab.backend_of(lab.send(to_direct(5000, tcp_flag::kAck)).packet));
}

TEST(DirectReturn, AFullTableForwardsByHashAlone) {
  Balancer reference;
  Source small = lab_source();
  small.flows_max = 8;
  Balancer lab(small);
  for (std::uint16_t port = 1000; port < 1100; ++port) {
    static_cast<void>(lab.send(to_direct(port, tcp_flag::kSyn)));
    const auto sent = lab.send(to_direct(port, tcp_flag::kAck));  // established by now
    EXPECT_EQ(Verdict::none, sent.packet.verdict);
    EXPECT_EQ(reference.backend_of(reference.send(to_direct(port, tcp_flag::kAck)).packet),
              lab.backend_of(sent.packet));
  }
  EXPECT_EQ(8U, lab.flows->stats().live.value());
  EXPECT_LT(0U, lab.flows->stats().refused.value());
}

TEST(DirectReturn, KeepsItsWayWhenTheServiceTurnsToNat) {
  Balancer lab;
  static_cast<void>(lab.send(to_direct(5000, tcp_flag::kSyn)));
  lab.source.services[1].mode = Mode::nat;
  lab.apply();
  EXPECT_NE(nullptr, lab.send(to_direct(5000, tcp_flag::kAck)).packet.via);
  EXPECT_EQ(nullptr, lab.send(to_direct(5001, tcp_flag::kSyn)).packet.via);
}

}  // namespace
}  // namespace sluice::balancer
