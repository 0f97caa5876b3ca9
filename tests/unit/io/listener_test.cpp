#include "dataplane/io/listener.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/io/sim_ring.hpp"
#include "dataplane/io/uring.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace sluice::io {
namespace {

[[nodiscard]] Endpoint loopback(std::uint16_t port) {
  Endpoint at;
  at.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  at.port = port;
  return at;
}

Task<void> echo(Connection& connection) {
  std::array<std::uint8_t, 1024> buffer;
  for (;;) {
    const int got = co_await connection.receive(buffer, kSecond);
    if (got <= 0) co_return;
    const auto bytes = std::span(buffer).first(static_cast<std::size_t>(got));
    const int sent = co_await connection.send_all(bytes, kSecond);
    if (sent < 0) co_return;
  }
}

TEST(Listener, EchoesOverTheKernel) {
  auto ring = Uring::open(64);
  if (!ring) GTEST_SKIP() << ring.error().text();
  MonotonicClock clock;
  const auto listening = Listener::bind(loopback(0), 16);
  ASSERT_TRUE(listening) << listening.error().text();
  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  ASSERT_EQ(0,
            getsockname(*listening, static_cast<sockaddr*>(static_cast<void*>(&bound)), &length));
  Reactor reactor(**ring, clock.now());
  Listener listener(reactor, *listening, {}, echo);
  listener.start();

  const int client = socket(AF_INET, SOCK_STREAM, 0);
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(0, connect(client, static_cast<sockaddr*>(static_cast<void*>(&bound)), sizeof bound));
  ASSERT_EQ(5, send(client, "hello", 5, 0));
  char back[8] = {};
  ssize_t got = -1;
  const Nanoseconds limit = clock.now() + 10 * kSecond;
  while (got < 0 && clock.now() < limit) {
    reactor.turn(clock.now());
    reactor.wait(kMillisecond);
    got = recv(client, back, sizeof back, MSG_DONTWAIT);
  }
  EXPECT_EQ(5, got);
  EXPECT_STREQ("hello", back);
  EXPECT_EQ(1U, listener.counters().open.value());
  ::close(client);
  reactor.stop();
  while (reactor.tasks() != 0 && clock.now() < limit) {
    reactor.turn(clock.now());
    reactor.wait(kMillisecond);
  }
  EXPECT_TRUE(listener.idle());
}

TEST(Listener, AnAddressInUseIsNamed) {
  const int holder =
      socket(AF_INET, SOCK_STREAM, 0);  // without SO_REUSEPORT: it shares with nobody
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  ASSERT_EQ(0, bind(holder, static_cast<sockaddr*>(static_cast<void*>(&at)), sizeof at));
  ASSERT_EQ(0, listen(holder, 1));
  ASSERT_EQ(0, getsockname(holder, static_cast<sockaddr*>(static_cast<void*>(&at)), &length));
  const auto second = Listener::bind(loopback(ntohs(at.sin_port)), 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(loopback(ntohs(at.sin_port)).text(), second.error().where);
  ::close(holder);
}

TEST(Listener, HoldsClientsToTheirLimits) {
  SimReactor sim(1);
  const int port = sim.ring().add_listener();
  {
    Listener listener(sim.reactor(), port, {.connections_max = 5, .connections_per_client_max = 2},
                      echo);
    listener.start();
    for (std::uint16_t i = 0; i < 3; ++i) {
      const auto greedy = sim.ring().connect(port, loopback(static_cast<std::uint16_t>(4000 + i)));
    }
    sim.run(100 * kMillisecond);
    EXPECT_EQ(2U, listener.counters().open.value());
    EXPECT_EQ(1U, listener.counters().refused_per_client.value());
    for (std::uint8_t i = 0; i < 9; ++i) {
      Endpoint from = loopback(4000);
      from.address[15] = static_cast<std::uint8_t>(10 + i);
      const auto other = sim.ring().connect(port, from);
    }
    sim.run(100 * kMillisecond);
    EXPECT_EQ(5U, listener.counters().open.value());
    EXPECT_EQ(6U, listener.counters().refused_total.value());
    // Those who are idle are let go, and new ones find room.
    sim.run(5 * kSecond);
    EXPECT_EQ(0U, listener.counters().open.value());
    const auto late = sim.ring().connect(port, loopback(1));
    sim.run(100 * kMillisecond);
    EXPECT_FALSE(late->ended());
    sim.stop();
    EXPECT_TRUE(listener.idle());
  }
}

}  // namespace
}  // namespace sluice::io
