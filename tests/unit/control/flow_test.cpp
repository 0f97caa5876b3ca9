// A flow as it is written after `sluice why`.
#include "control/cli/flow.hpp"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

std::string refusal(const std::vector<std::string>& words) {
  const auto flow = parse_flow(words);
  return flow ? "none" : flow.error().text();
}

TEST(ParseFlow, OfEitherFamily) {
  const auto v4 = parse_flow({"udp", "198.18.0.2:5000", "198.18.100.53:53"});
  ASSERT_TRUE(v4) << v4.error().text();
  EXPECT_EQ("udp", v4->protocol());
  EXPECT_EQ("198.18.0.2", v4->source());
  EXPECT_EQ(5000U, v4->source_port());
  EXPECT_EQ("198.18.100.53", v4->destination());
  EXPECT_EQ(53U, v4->destination_port());
  const auto v6 = parse_flow({"tcp", "[2001:2::2]:5000", "[2001:2:0:100::80]:80"});
  ASSERT_TRUE(v6) << v6.error().text();
  EXPECT_EQ("2001:2:0:100::80", v6->destination());
  EXPECT_TRUE(parse_flow({"icmp", "198.18.0.2", "198.18.0.1"}));
  EXPECT_TRUE(parse_flow({"47", "2001:2::2", "2001:2::1"}));
}

TEST(ParseFlow, SaysWhichPartIsWrong) {
  EXPECT_EQ("'tcpp' is no protocol; use tcp, udp, icmp, icmp6, sctp or a number up to 255",
            refusal({"tcpp", "198.18.0.2:1", "198.18.0.1:2"}));
  EXPECT_EQ("'198.18.0.2' is no address with a port; write 198.18.0.2:5000 or [2001:2::2]:5000",
            refusal({"tcp", "198.18.0.2", "198.18.0.1:2"}));
  EXPECT_THAT(refusal({"tcp", "198.18.0.2:1", "198.18.0.1:70000"}), testing::HasSubstr("70000"));
  EXPECT_THAT(refusal({"tcp", "198.18.0.2:1", "host:2"}), testing::HasSubstr("'host:2'"));
  EXPECT_THAT(refusal({"tcp", "unix:/run/x", "198.18.0.1:2"}), testing::HasSubstr("is no address"));
  EXPECT_THAT(refusal({"icmp", "198.18.0.2:1", "198.18.0.1"}), testing::HasSubstr("has no ports"));
  EXPECT_THAT(refusal({"udp", "198.18.0.2:1", "[2001:2::1]:2"}), testing::HasSubstr("one family"));
  EXPECT_THAT(refusal({"udp"}), testing::HasSubstr("three parts"));
}

TEST(ParseTcpFlags, NamesWithCommas) {
  EXPECT_EQ(0x12, *parse_tcp_flags("syn,ack"));
  EXPECT_EQ(0x11, *parse_tcp_flags("fin,ack"));
  EXPECT_FALSE(parse_tcp_flags("sin"));
  EXPECT_FALSE(parse_tcp_flags("syn,"));
  EXPECT_FALSE(parse_tcp_flags(""));
}

}  // namespace
}  // namespace sluice::cli
