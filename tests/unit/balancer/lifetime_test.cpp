// How long flows are remembered, as an operator sets it.
#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

using test::packet;

struct Lifetime : ::testing::Test {
  Balancer lab;
  IpAddress backend_address;

  void client(std::uint8_t flags) {
    const auto sent =
        lab.send(packet().ip("198.18.0.2", "198.18.100.80").tcp(5000, 80, flags).build());
    backend_address = sent.packet.key.destination;
  }
  bool backend_answers(std::uint8_t flags) {
    return lab
        .send(packet().ip(backend_address.text(), "198.18.0.2").tcp(8080, 5000, flags).build())
        .packet.has(packet_flag::kRestored);
  }
  void establish() {
    client(tcp_flag::kSyn);
    EXPECT_TRUE(backend_answers(tcp_flag::kSyn | tcp_flag::kAck));
    client(tcp_flag::kAck);
  }
};

TEST_F(Lifetime, HalfOpenAgesFast) {  // syn_only_ages_fast
  client(tcp_flag::kSyn);
  lab.wait(4900 * kMillisecond);
  EXPECT_TRUE(backend_answers(tcp_flag::kAck));
  lab.wait(5300 * kMillisecond);
  EXPECT_FALSE(backend_answers(tcp_flag::kAck));
}

TEST_F(Lifetime, EstablishedLivesThroughItsIdleTime) {  // tcp_idle_configurable
  establish();
  lab.wait(890 * kSecond);
  EXPECT_TRUE(backend_answers(tcp_flag::kAck));
  lab.wait(890 * kSecond);
  EXPECT_TRUE(backend_answers(tcp_flag::kAck));
  lab.source.services[0].tcp_idle = 10 * kSecond;
  lab.apply();
  EXPECT_TRUE(backend_answers(tcp_flag::kAck));
  lab.wait(11 * kSecond);
  EXPECT_FALSE(backend_answers(tcp_flag::kAck));
}

TEST_F(Lifetime, EndsShortenIt) {  // fin/rst_shortens_idle
  establish();
  client(tcp_flag::kFin | tcp_flag::kAck);
  EXPECT_TRUE(backend_answers(tcp_flag::kFin | tcp_flag::kAck));
  client(tcp_flag::kAck);
  lab.wait(11 * kSecond);
  EXPECT_FALSE(backend_answers(tcp_flag::kAck));
}

TEST_F(Lifetime, AHalfClosedConnectionMayStillTakeLong) {
  establish();
  client(tcp_flag::kFin | tcp_flag::kAck);
  lab.wait(600 * kSecond);
  EXPECT_TRUE(backend_answers(tcp_flag::kAck));
}

TEST_F(Lifetime, ForgottenFlowsAreSweptAway) {
  establish();
  lab.wait(901 * kSecond);
  lab.flows->age(ticks_of(lab.harness.context.now), lab.flows->capacity());
  EXPECT_EQ(0U, lab.flows->stats().live.value());
  EXPECT_EQ(1U, lab.flows->stats().expired.value());
}

TEST_F(Lifetime, SurvivesTheWrapOfTheTicks) {  // clock_wrap
  lab.harness.context.now = (Nanoseconds{0xffffffff} - 500) * kMillisecond;
  establish();
  lab.wait(800 * kSecond);
  EXPECT_TRUE(backend_answers(tcp_flag::kAck));
  lab.wait(901 * kSecond);
  EXPECT_FALSE(backend_answers(tcp_flag::kAck));
}

TEST_F(Lifetime, UdpIsForgottenByTime) {
  const auto sent = lab.send(packet().ip("198.18.0.2", "198.18.100.82").udp(5000, 7).build());
  const auto answer =
      packet().ip(sent.packet.key.destination.text(), "198.18.0.2").udp(7, 5000).build();
  lab.wait(29 * kSecond);
  EXPECT_TRUE(lab.send(answer).packet.has(packet_flag::kRestored));
  lab.wait(31 * kSecond);
  EXPECT_FALSE(lab.send(answer).packet.has(packet_flag::kRestored));
}

}  // namespace
}  // namespace sluice::balancer
