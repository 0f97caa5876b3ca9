/// The table of connections when it is full.
#include <gtest/gtest.h>

#include "tests/unit/firewall/firewall_harness.hpp"

namespace sluice::firewall::test {
namespace {

constexpr std::string_view kStateful =
    "ct state established accept\nct state new accept\nct state invalid drop";

Bytes udp(unsigned n, bool reply = false) {
  const std::string client = "10.0." + std::to_string(n >> 8U) + "." + std::to_string(n & 255U);
  const auto port = static_cast<std::uint16_t>(1024 + n % 60'000);
  return reply ? packet().ip("198.18.1.11", client).udp(53, port).build()
               : packet().ip(client, "198.18.1.11").udp(port, 53).build();
}

Firewall firewall_of(std::uint32_t connections) {
  Source source = forward_chain(kStateful, "drop");
  source.tracking.connections_max = connections;
  return Firewall(source);
}

TEST(ConnectionTable, AFloodOfNewConnectionsForgetsOlderUnansweredOnes) {
  Firewall firewall = firewall_of(1000);
  for (unsigned n = 0; n < 20'000; ++n) {
    firewall.pass_time(kSecond / 10'000);
    ASSERT_EQ("accept", firewall.run(udp(n)).text()) << n;
  }
  EXPECT_EQ(1000U, firewall.tracker().connections());
  EXPECT_EQ(19'000U, firewall.tracker().evictions());
}

TEST(ConnectionTable, NeverForgetsAnEstablishedConnection) {
  Firewall firewall = firewall_of(500);
  for (unsigned n = 0; n < 500; ++n) {
    ASSERT_EQ("accept", firewall.run(udp(n)).text());
    ASSERT_EQ(ConnectionState::established, firewall.run(udp(n, true)).state);
  }
  EXPECT_EQ("connection_table_full", firewall.run(udp(20'000)).text());
  for (unsigned n = 0; n < 500; ++n)
    EXPECT_EQ(ConnectionState::established, firewall.run(udp(n)).state) << n;
  firewall.pass_time(300 * kSecond);  // all of them have expired
  EXPECT_EQ("accept", firewall.run(udp(20'000)).text());
}

}  // namespace
}  // namespace sluice::firewall::test
