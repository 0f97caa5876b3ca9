// NAT as its users see it: what arrives at the backend, what arrives at the client.
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

constexpr std::uint8_t kSynAck = tcp_flag::kSyn | tcp_flag::kAck;

/// Address and ports of a conversation between a client and a service, and how frames look.
struct Conversation {
  std::string client, service;
  std::uint16_t client_port, service_port;
  bool tcp;

  [[nodiscard]] Bytes forward(std::uint8_t flags) const {
    auto b = packet().ip(client, service);
    if (tcp)
      b.tcp(client_port, service_port, flags);
    else
      b.udp(client_port, service_port);
    return b.payload("request").build();
  }
  [[nodiscard]] Bytes reply(const IpAddress& backend, std::uint16_t port,
                            std::uint8_t flags) const {
    auto b = packet().ip(backend.text(), client);
    if (tcp)
      b.tcp(port, client_port, flags);
    else
      b.udp(port, client_port);
    return b.payload("answer").build();
  }
};

Conversation random_conversation(std::mt19937& random) {
  const bool v4 = random() % 2 == 0;
  Conversation c;
  c.tcp = random() % 2 == 0;
  const std::string host = std::to_string(random() % 200 + 1);
  c.client = v4 ? "198.18.0." + host : "2001:2::" + host;
  c.service = (v4 ? "198.18.100." : "2001:2:0:100::") + std::string(c.tcp ? "80" : "82");
  c.client_port = static_cast<std::uint16_t>(random() % 60'000 + 1024);
  c.service_port = c.tcp ? 80 : 7;
  return c;
}

void expect_valid(const Bytes& frame) {
  EXPECT_EQ(test::with_checksums(frame), frame);
}

TEST(Nat, ForwardThenReplyGivesTheServiceBack) {
  std::mt19937 random(3);
  Balancer lab;
  for (int round = 0; round < 3000; ++round) {
    const Conversation c = random_conversation(random);
    const auto sent = lab.send(c.forward(tcp_flag::kSyn));
    ASSERT_EQ(Verdict::none, sent.packet.verdict) << name_of(sent.packet.reason);
    EXPECT_TRUE(sent.packet.has(packet_flag::kTranslated));
    EXPECT_EQ(address(c.client), sent.packet.key.source);
    EXPECT_EQ(c.tcp ? 8080 : 7, sent.packet.key.destination_port);
    expect_valid(sent.bytes);

    const auto back =
        lab.send(c.reply(sent.packet.key.destination, sent.packet.key.destination_port, kSynAck));
    ASSERT_EQ(Verdict::none, back.packet.verdict);
    EXPECT_TRUE(back.packet.has(packet_flag::kRestored));
    EXPECT_FALSE(back.packet.has(packet_flag::kTranslated));
    EXPECT_EQ(address(c.service), back.packet.key.source);
    EXPECT_EQ(c.service_port, back.packet.key.source_port);
    EXPECT_EQ(address(c.client), back.packet.key.destination);
    EXPECT_EQ(sent.packet.service, back.packet.service);
    EXPECT_EQ(sent.packet.backend, back.packet.backend);
    expect_valid(back.bytes);
    lab.wait(20 * kMillisecond);  // so that old conversations make room
  }
}

TEST(Nat, NothingButAddressPortAndChecksumsChanges) {
  Balancer lab;
  const Bytes before =
      packet().ip("198.18.0.2", "198.18.100.80").ttl(9).tcp(5000, 80).payload("abc").build();
  Bytes after = lab.send(before).bytes;
  ASSERT_EQ(before.size(), after.size());
  for (const unsigned i : {24U, 25U, 30U, 31U, 32U, 33U, 36U, 37U, 50U, 51U}) after[i] = before[i];
  EXPECT_EQ(before, after);
}

TEST(Nat, AFlowStaysWithItsBackend) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const std::string first = lab.backend_of(lab.send(c.forward(tcp_flag::kSyn)).packet);
  lab.source.services[0].backends.push_back(backend("be4", {"198.18.1.14"}, 8080));
  for (BackendSource& b : lab.source.services[0].backends)
    if (b.name == first) b.weight = 0;  // drained: no new flows, but this one goes on
  lab.apply();
  EXPECT_EQ(first, lab.backend_of(lab.send(c.forward(tcp_flag::kSyn)).packet));  // sent again
  EXPECT_EQ(first, lab.backend_of(lab.send(c.forward(tcp_flag::kAck)).packet));
  for (std::uint16_t port = 6000; port < 6200; ++port) {
    const Conversation fresh{"198.18.0.2", "198.18.100.80", port, 80, true};
    EXPECT_NE(first, lab.backend_of(lab.send(fresh.forward(tcp_flag::kSyn)).packet));
  }
}

TEST(Nat, AllBackendsGetFlows) {
  Balancer lab;
  std::map<std::string, int> flows;
  for (std::uint16_t port = 1024; port < 1624; ++port) {
    const Conversation c{"198.18.0.2", "198.18.100.80", port, 80, true};
    ++flows[lab.backend_of(lab.send(c.forward(tcp_flag::kSyn)).packet)];
  }
  for (const char* name : {"be1", "be2", "be3"}) EXPECT_NEAR(200, flows[name], 60) << name;
}

TEST(Nat, TwoBalancersChooseTheSameBackend) {  // ecmp_same_backend, core_independent_backend
  Balancer one;
  Balancer other;
  other.harness.context.seed = {.low = 1, .high = 2};  // another process draws another secret
  std::reverse(other.source.services[0].backends.begin(), other.source.services[0].backends.end());
  other.apply();
  for (std::uint16_t port = 1024; port < 2024; ++port) {
    const Conversation c{"198.18.0.9", "198.18.100.80", port, 80, true};
    EXPECT_EQ(one.backend_of(one.send(c.forward(tcp_flag::kSyn)).packet),
              other.backend_of(other.send(c.forward(tcp_flag::kSyn)).packet));
  }
}

TEST(Nat, PacketsOfOneNewFlowInOneBurstGoOneWay) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.82", 5000, 7, false};
  test::TestBurst burst(lab.harness, std::vector<Bytes>(8, c.forward(0)));
  lab.run(burst);
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(burst[0].backend, burst[i].backend);
  EXPECT_EQ(1U, lab.flows->stats().inserted.value());
}

TEST(Nat, ASynAfterTheEndChoosesAfresh) {  // syn_reuse_same_tuple
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const auto sent = lab.send(c.forward(tcp_flag::kSyn));
  static_cast<void>(
      lab.send(c.reply(sent.packet.key.destination, 8080, tcp_flag::kRst | tcp_flag::kAck)));
  const std::string first = lab.backend_of(sent.packet);
  for (BackendSource& b : lab.source.services[0].backends)
    if (b.name == first) b.weight = 0;
  lab.apply();
  EXPECT_NE(first, lab.backend_of(lab.send(c.forward(tcp_flag::kSyn)).packet));
  EXPECT_EQ(1U, lab.flows->stats().live.value());
}

TEST(Nat, ASynLeavesADeadBackend) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const std::string first = lab.backend_of(lab.send(c.forward(tcp_flag::kSyn)).packet);
  for (BackendSource& b : lab.source.services[0].backends)
    if (b.name == first) b.alive = {false, false};
  lab.apply();
  EXPECT_EQ(first, lab.backend_of(lab.send(c.forward(tcp_flag::kAck)).packet));
  EXPECT_NE(first, lab.backend_of(lab.send(c.forward(tcp_flag::kSyn)).packet));
}

TEST(Nat, UdpLeavesABackendWhoseAddressOfItsFamilyIsDead) {
  for (const bool v4 : {true, false}) {
    Balancer lab;
    const Conversation c{v4 ? "198.18.0.2" : "2001:2::2", v4 ? "198.18.100.82" : "2001:2:0:100::82",
                         5000, 7, false};
    const std::string first = lab.backend_of(lab.send(c.forward(0)).packet);
    for (const bool same_family : {false, true}) {
      for (BackendSource& b : lab.source.services[2].backends)
        if (b.name == first) b.alive[v4 == same_family ? 0 : 1] = false;
      lab.apply();
      EXPECT_EQ(!same_family, first == lab.backend_of(lab.send(c.forward(0)).packet)) << v4;
    }
  }
}

TEST(Nat, AResetDoesNotCreateAFlow) {  // rst_does_not_create_flow
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const auto sent = lab.send(c.forward(tcp_flag::kRst));
  EXPECT_TRUE(sent.packet.has(packet_flag::kTranslated));
  expect_valid(sent.bytes);
  EXPECT_EQ(0U, lab.flows->stats().inserted.value());
}

TEST(Nat, RemovedBackendEndsItsFlows) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const auto sent = lab.send(c.forward(tcp_flag::kSyn));
  auto& backends = lab.source.services[0].backends;
  const std::string first = lab.backend_of(sent.packet);
  std::erase_if(backends, [&](const BackendSource& b) { return b.name == first; });
  lab.apply();
  EXPECT_EQ(DropReason::service_gone, lab.send(c.forward(tcp_flag::kAck)).packet.reason);
  EXPECT_EQ(DropReason::service_gone,
            lab.send(c.reply(sent.packet.key.destination, 8080, kSynAck)).packet.reason);
  const auto again = lab.send(c.forward(tcp_flag::kSyn));  // a new connection is not held back
  EXPECT_EQ(Verdict::none, again.packet.verdict);
  EXPECT_NE(first, lab.backend_of(again.packet));
}

TEST(Nat, ABackendThatMovedIsAnotherOne) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const std::string first = lab.backend_of(lab.send(c.forward(tcp_flag::kSyn)).packet);
  for (BackendSource& b : lab.source.services[0].backends)
    if (b.name == first) b.addresses = {address("198.18.1.99")};
  lab.apply();
  EXPECT_EQ(DropReason::service_gone, lab.send(c.forward(tcp_flag::kAck)).packet.reason);
}

TEST(Nat, UdpGoesOnWhenItsBackendIsRemoved) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.82", 5000, 7, false};
  const std::string first = lab.backend_of(lab.send(c.forward(0)).packet);
  std::erase_if(lab.source.services[2].backends,
                [&](const BackendSource& b) { return b.name == first; });
  lab.apply();
  const auto sent = lab.send(c.forward(0));
  EXPECT_EQ(Verdict::none, sent.packet.verdict);
  EXPECT_NE(first, lab.backend_of(sent.packet));
}

TEST(Nat, NoBackend) {
  Balancer lab;
  for (BackendSource& b : lab.source.services[0].backends) b.alive = {false, false};
  for (BackendSource& b : lab.source.services[2].backends) b.weight = 0;
  lab.apply();
  const Conversation web{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  EXPECT_EQ(DropReason::no_backend, lab.send(web.forward(tcp_flag::kSyn)).packet.reason);
  const Conversation echo{"2001:2::2", "2001:2:0:100::82", 5000, 7, false};
  EXPECT_EQ(DropReason::no_backend, lab.send(echo.forward(0)).packet.reason);
}

TEST(Nat, NoBackendOfTheFamily) {
  Balancer lab;
  for (BackendSource& b : lab.source.services[0].backends) b.addresses.pop_back();
  lab.apply();
  const Conversation v4{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const Conversation v6{"2001:2::2", "2001:2:0:100::80", 5000, 80, true};
  EXPECT_EQ(Verdict::none, lab.send(v4.forward(tcp_flag::kSyn)).packet.verdict);
  EXPECT_EQ(DropReason::no_backend, lab.send(v6.forward(tcp_flag::kSyn)).packet.reason);
}

TEST(Nat, OtherPortsOfAServiceAddressAreClosed) {
  Balancer lab;
  const Bytes port = packet().ip("198.18.0.2", "198.18.100.80").tcp(5000, 81).build();
  const Bytes protocol = packet().ip("198.18.0.2", "198.18.100.80").udp(5000, 80).build();
  const Bytes gre = packet().ip("198.18.0.2", "198.18.100.80").protocol(47).payload("x").build();
  for (const Bytes& frame : {port, protocol, gre}) {
    EXPECT_EQ(DropReason::service_port_closed, lab.send(frame).packet.reason);
    EXPECT_EQ(Verdict::none, lab.send(frame, 1).packet.verdict);  // the address is shared
  }
}

TEST(Nat, EchoRequestsAreLeftToTheRoute) {
  Balancer lab;
  const Bytes frame = packet().ip("198.18.0.2", "198.18.100.80").echo_request(1).build();
  const auto sent = lab.send(frame);
  EXPECT_EQ(Verdict::none, sent.packet.verdict);
  EXPECT_EQ(frame, sent.bytes);
}

TEST(Nat, LaterFragments) {
  Balancer lab;
  const Bytes frame = packet()
                          .ip("198.18.0.2", "198.18.100.82")
                          .fragment(1480, false)
                          .protocol(ip_protocol::kUdp)
                          .payload("tail")
                          .build();
  EXPECT_EQ(DropReason::service_fragment, lab.send(frame).packet.reason);
}

TEST(Nat, PacketsOfOthersPassUntouched) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  static_cast<void>(lab.send(c.forward(tcp_flag::kSyn)));
  const Bytes frame = packet().ip("198.18.0.2", "198.18.1.11").tcp(5001, 8080).build();
  const auto sent = lab.send(frame);
  EXPECT_EQ(Verdict::none, sent.packet.verdict);
  EXPECT_EQ(0, sent.packet.flags & (packet_flag::kTranslated | packet_flag::kRestored));
  EXPECT_EQ(frame, sent.bytes);
}

TEST(Nat, TrafficAndFlowsAreCounted) {
  Balancer lab;
  const Conversation c{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const auto sent = lab.send(c.forward(tcp_flag::kSyn));
  const auto back = lab.send(c.reply(sent.packet.key.destination, 8080, kSynAck));
  const std::string b = "service/web/backend/" + lab.backend_of(sent.packet);
  const std::uint64_t forward = sent.bytes.size() - 14;
  const std::uint64_t replies = back.bytes.size() - 14;
  for (const std::string& name : {std::string("service/web"), b}) {
    EXPECT_EQ(1U, lab.counted(name).events) << name;
    EXPECT_EQ(forward, lab.counted(name).units) << name;
  }
  for (const std::string& name : {std::string("replies/service/web"), "replies/" + b})
    EXPECT_EQ(replies, lab.counted(name).units) << name;
  EXPECT_EQ(1U, lab.counted("service/web/flows").events);
  EXPECT_EQ(1U, lab.counted(b + "/flows").events);
  EXPECT_EQ(0U, lab.counted(b + "/flows").units);  // ended
  lab.flows->remove(sent.packet.flow - 1, ticks_of(lab.harness.context.now));
  EXPECT_EQ(1U, lab.counted(b + "/flows").units);
}

/// Two services share backends, and a client uses one port for both.
struct Collision : ::testing::Test {
  static Source source(std::size_t backends) {
    Source s = lab_source();
    s.services[0].backends.resize(backends);
    s.services[1] = s.services[0];
    s.services[1].name = "web-too";
    s.services[1].addresses = {address("198.18.100.83")};
    return s;
  }
  const Conversation one{"198.18.0.2", "198.18.100.80", 5000, 80, true};
  const Conversation two{"198.18.0.2", "198.18.100.83", 5000, 80, true};
};

TEST_F(Collision, IsRefusedWhenNoBackendIsLeft) {
  Balancer lab(source(1));
  const auto sent = lab.send(one.forward(tcp_flag::kSyn));
  EXPECT_EQ(DropReason::flow_collision, lab.send(two.forward(tcp_flag::kSyn)).packet.reason);
  EXPECT_LT(0U, lab.flows->stats().collisions.value());
  // The first flow is over: the second may have its place.
  static_cast<void>(
      lab.send(one.reply(sent.packet.key.destination, 8080, tcp_flag::kRst | tcp_flag::kAck)));
  EXPECT_EQ(Verdict::none, lab.send(two.forward(tcp_flag::kSyn)).packet.verdict);
}

TEST_F(Collision, GoesToAnotherBackend) {
  Balancer lab(source(3));
  unsigned moved = 0;
  for (std::uint16_t port = 2000; port < 2100; ++port) {
    Conversation a = one;
    Conversation b = two;
    a.client_port = b.client_port = port;
    const auto first = lab.send(a.forward(tcp_flag::kSyn));
    const auto second = lab.send(b.forward(tcp_flag::kSyn));
    if (second.packet.verdict != Verdict::none) continue;  // each of the tries met the same
    EXPECT_NE(first.packet.key.destination, second.packet.key.destination);
    ++moved;
  }
  EXPECT_LT(90U, moved);
}

TEST(Nat, ABurstIsFollowedWhateverItHolds) {
  // Hostile mixture: every packet gets a verdict or goes on, and never out of bounds.
  std::mt19937 random(11);
  Balancer lab;
  for (int round = 0; round < 300; ++round) {
    std::vector<Bytes> frames;
    for (unsigned i = 0; i < 64; ++i) {
      Bytes frame = random_conversation(random).forward(static_cast<std::uint8_t>(random()));
      for (unsigned n = random() % 4; n != 0; --n)
        frame[14 + random() % (frame.size() - 14)] = static_cast<std::uint8_t>(random());
      if (random() % 4 == 0) frame.resize(14 + random() % (frame.size() - 14));
      frames.push_back(frame.size() >= 34 ? test::with_checksums(frame) : frame);
    }
    test::TestBurst burst(lab.harness, frames);
    lab.run(burst);
    burst.burst.for_each_alive([](unsigned, const Packet& p) {
      EXPECT_EQ(Verdict::none, p.verdict);
      EXPECT_LE(p.end, p.length);
    });
    lab.wait(kMillisecond);
  }
}

}  // namespace
}  // namespace sluice::balancer
