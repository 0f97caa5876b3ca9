// Replies that arrive at another worker than their flow's.
#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

struct Redirects : ::testing::Test {
  Balancer owner{lab_source(), 2, 0};
  Balancer other{lab_source(), 2, 1};
  std::array<Redirect, 64> messages;

  /// Starts a flow at `owner`; answers a reply to it.
  Bytes start(std::uint16_t port) {
    const auto sent = owner.send(to_service(port, tcp_flag::kSyn));
    return packet()
        .ip(sent.packet.key.destination.text(), "198.18.0.2")
        .tcp(8080, port, tcp_flag::kSyn | tcp_flag::kAck)
        .build();
  }
  static Bytes to_service(std::uint16_t port, std::uint8_t flags) {
    return packet().ip("198.18.0.2", "198.18.100.80").tcp(port, 80, flags).build();
  }
  unsigned deliver() {
    const unsigned count = owner.flows->take_redirects(messages);
    for (unsigned i = 0; i < count; ++i)
      other.flows->add_redirect(messages[i], ticks_of(other.harness.context.now));
    return count;
  }
  void wait(Nanoseconds time) {
    owner.wait(time);
    other.wait(time);
  }
};

TEST_F(Redirects, HandRepliesToTheOwner) {
  const Bytes reply = start(5000);
  EXPECT_EQ(1U, deliver());
  EXPECT_EQ(0U, deliver());
  const auto arrived = other.send(reply);
  EXPECT_EQ(Verdict::handed, arrived.packet.verdict);
  EXPECT_EQ(0, arrived.packet.handed_to);
  EXPECT_EQ(reply, arrived.bytes);
  EXPECT_TRUE(owner.send(reply).packet.has(packet_flag::kRestored));
}

TEST_F(Redirects, AgeLikeFlows) {
  const Bytes reply = start(5000);
  static_cast<void>(deliver());
  wait(5100 * kMillisecond);
  EXPECT_EQ(Verdict::none, other.send(reply).packet.verdict);
  other.flows->age(ticks_of(other.harness.context.now), other.flows->capacity());
  EXPECT_EQ(0U, other.flows->stats().redirects_live.value());
}

TEST_F(Redirects, AreRenewedWhileTheFlowLives) {
  const Bytes reply = start(5000);
  static_cast<void>(deliver());
  static_cast<void>(owner.send(reply));
  EXPECT_EQ(1U, deliver());  // the state changed, and its lifetime with it
  static_cast<void>(owner.send(to_service(5000, tcp_flag::kAck)));
  EXPECT_EQ(1U, deliver());
  static_cast<void>(owner.send(to_service(5000, tcp_flag::kAck)));
  EXPECT_EQ(0U, deliver());
  wait(500 * kSecond);
  static_cast<void>(owner.send(to_service(5000, tcp_flag::kAck)));
  EXPECT_EQ(1U, deliver());
  wait(600 * kSecond);
  EXPECT_EQ(Verdict::handed, other.send(reply).packet.verdict);
  EXPECT_EQ(1U, other.flows->stats().redirects_live.value());
}

TEST_F(Redirects, AFlowThatMovedBelongsToItsNewWorker) {
  const Bytes reply = start(5000);
  static_cast<void>(deliver());
  static_cast<void>(other.send(to_service(5000, tcp_flag::kAck)));
  EXPECT_TRUE(other.send(reply).packet.has(packet_flag::kRestored));
  // The old owner learns of it.
  const unsigned count = other.flows->take_redirects(messages);
  EXPECT_LT(0U, count);
}

TEST_F(Redirects, FullTableForgetsNothingThatLives) {
  for (std::uint16_t port = 1; port <= 1500; ++port) {
    owner.flows->add_redirect(
        {{address("198.18.1.11"), address("198.18.0.2"), 8080, port, ip_protocol::kTcp}, 1, 1000},
        0);
  }
  EXPECT_EQ(1024U, owner.flows->stats().redirects_live.value());
  EXPECT_EQ(476U, owner.flows->stats().redirects_lost.value());
}

TEST_F(Redirects, IcmpErrorsFollowTheFlow) {
  const Bytes reply = start(5000);
  static_cast<void>(deliver());
  // A router complains about the packet to the backend.
  const Bytes inner(reply.begin() + 14, reply.begin() + 14 + 28);
  Bytes quoted = inner;
  std::copy_n(inner.begin() + 16, 4, quoted.begin() + 12);
  std::copy_n(inner.begin() + 12, 4, quoted.begin() + 16);
  std::swap(quoted[20], quoted[22]);
  std::swap(quoted[21], quoted[23]);
  const Bytes error =
      packet().ip("198.18.1.1", "198.18.0.2").icmp(3, 4, 1400).payload(quoted).build();
  EXPECT_EQ(Verdict::handed, other.send(error).packet.verdict);
}

TEST(RedirectsOfOneWorker, AreNotPosted) {
  Balancer lab;
  static_cast<void>(lab.send(packet().ip("198.18.0.2", "198.18.100.80").tcp(5000, 80).build()));
  std::array<Redirect, 4> messages;
  EXPECT_EQ(0U, lab.flows->take_redirects(messages));
}

}  // namespace
}  // namespace sluice::balancer
