// Errors that routers and backends send about outer headers, told to the client.
#include "tests/unit/balancer/tunnels.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

struct Case {
  Mode mode;
  const char *client, *service, *to, *from, *router;
  unsigned outer;  ///< bytes of the outer header
};
constexpr Case kCases[] = {
    {Mode::ipip, "198.18.0.2", "198.18.100.84", "198.18.1.11", "198.18.1.1", "198.18.7.7", 20},
    {Mode::gue, "198.18.0.2", "198.18.100.84", "198.18.1.11", "198.18.1.1", "198.18.7.7", 28},
    {Mode::ipip, "2001:2::2", "2001:2:0:100::84", "2001:2:0:1::11", "2001:2:0:1::1", "2001:2:7::7",
     40},
    {Mode::gue, "2001:2::2", "2001:2:0:100::84", "2001:2:0:1::11", "2001:2:0:1::1", "2001:2:7::7",
     48},
    {Mode::ipip, "198.18.0.2", "198.18.100.84", "2001:2:0:1::11", "2001:2:0:1::1", "2001:2:7::7",
     40},
    {Mode::gue, "198.18.0.2", "198.18.100.84", "2001:2:0:1::11", "2001:2:0:1::1", "2001:2:7::7",
     48},
    {Mode::ipip, "2001:2::2", "2001:2:0:100::84", "198.18.1.11", "198.18.1.1", "198.18.7.7", 20},
};

class TunnelError : public ::testing::TestWithParam<int> {
 protected:
  const Case& c = kCases[GetParam()];
  const bool inner_v4 = std::string_view(c.client).find(':') == std::string_view::npos;
  const bool outer_v4 = std::string_view(c.to).find(':') == std::string_view::npos;
  TunnelLab lab{tunnel_source(c.mode, {c.to})};
  TunnelLab::Wrapped sent =
      lab.wrap(packet().ip(c.client, c.service).tcp(5000, 80).payload(Bytes(300, 7)).build());

  /// From a router; quotes so many bytes of what was sent.
  [[nodiscard]] Bytes error(std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                            std::size_t quoted) const {
    const auto end = std::min(sent.bytes.size(), 14 + quoted);
    return packet()
        .ip(c.router, c.from)
        .icmp(type, code, rest)
        .payload(Bytes(sent.bytes.begin() + 14, sent.bytes.begin() + static_cast<long>(end)))
        .build();
  }
  [[nodiscard]] Bytes too_big(std::size_t quoted) const {
    return error(outer_v4 ? 3 : 2, outer_v4 ? 4 : 0, 1400, quoted);
  }
  /// What the client is to get, quoting so many bytes of its packet.
  [[nodiscard]] Bytes told(std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                           std::size_t quoted) const {
    const Bytes inner = sent.inner(c.outer);
    Bytes frame = packet()
                      .ip(c.service, c.client)
                      .do_not_fragment()
                      .icmp(type, code, rest)
                      .payload(Bytes(inner.begin(), inner.begin() + static_cast<long>(quoted)))
                      .build();
    if (inner_v4) {
      frame[15] = 0xc0;
      frame[18] = frame[19] = 0;  // whole packets need no identification (RFC 6864)
    }
    return test::with_checksums(frame);
  }
  [[nodiscard]] unsigned header() const { return inner_v4 ? 20 : 40; }

  void expect_told(const Bytes& expected, const Bytes& arrives) {
    const auto out = lab.send(arrives);
    EXPECT_EQ(Verdict::none, out.packet.verdict) << name_of(out.packet.reason);
    EXPECT_EQ(Bytes(expected.begin() + 12, expected.end()),
              Bytes(out.bytes.begin() + 12, out.bytes.end()));
    EXPECT_TRUE(out.packet.has(packet_flag::kRestored));
    EXPECT_EQ(address(c.client), out.packet.key.destination);
    EXPECT_EQ(1U, out.packet.service);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, TunnelError, ::testing::Range(0, 7));

TEST_P(TunnelError, TooBigReachesTheClientWithWhatIsLeft) {
  for (const std::size_t quoted : {header() + 8, header() + 20, header() + 100}) {
    const Bytes expected = told(inner_v4 ? 3 : 2, inner_v4 ? 4 : 0, 1400 - c.outer, quoted);
    expect_told(expected, too_big(c.outer + quoted));
  }
}

TEST_P(TunnelError, UnreachableBecomesHostUnreachable) {
  const std::size_t quoted = header() + 8;
  const Bytes expected = told(inner_v4 ? 3 : 1, inner_v4 ? 1 : 3, 0, quoted);
  if (outer_v4) {
    expect_told(expected, error(3, 2, 0, c.outer + quoted));   // protocol unreachable
    expect_told(expected, error(11, 0, 0, c.outer + quoted));  // its TTL ran out
  } else {
    expect_told(expected, error(1, 0, 0, c.outer + quoted));
    expect_told(expected, error(3, 0, 0, c.outer + quoted));
  }
}

TEST_P(TunnelError, TooLittleToTellIsCounted) {
  for (std::size_t quoted = c.mode == Mode::gue ? c.outer - 8 : c.outer;
       quoted < c.outer + header() + 8; ++quoted) {
    const Bytes frame = too_big(quoted);
    const auto out = lab.send(frame);
    // In UDP it might be the host's own.
    const auto expected = c.mode == Mode::gue ? DropReason::none : DropReason::tunnel_error;
    EXPECT_EQ(expected, out.packet.reason) << quoted;
    EXPECT_FALSE(out.packet.has(packet_flag::kRestored));
    if (expected == DropReason::none) {
      EXPECT_EQ(frame, out.bytes);
    }
  }
}

TEST_P(TunnelError, WhatMeansNothingForTheClientIsCounted) {
  const std::size_t quoted = c.outer + header() + 8;
  const Bytes parameter_problem = error(outer_v4 ? 12 : 4, 0, 0, quoted);
  EXPECT_EQ(DropReason::tunnel_error, lab.send(parameter_problem).packet.reason);
  const Bytes no_mtu = error(outer_v4 ? 3 : 2, outer_v4 ? 4 : 0, 0, quoted);
  EXPECT_EQ(DropReason::tunnel_error, lab.send(no_mtu).packet.reason);
}

TEST_P(TunnelError, OfOthersIsLeftAlone) {
  TunnelLab other(tunnel_source(c.mode, {outer_v4 ? "198.18.1.77" : "2001:2:0:1::77"}));
  const Bytes frame = too_big(c.outer + header() + 8);
  const auto out = other.send(frame);
  EXPECT_EQ(frame, out.bytes);
  EXPECT_EQ(Verdict::none, out.packet.verdict);
  EXPECT_FALSE(out.packet.has(packet_flag::kRestored));
}

TEST_P(TunnelError, IsLimitedInRate) {
  lab.harness.context.icmp_errors = TokenBucket(1, 1);
  const Bytes frame = too_big(c.outer + header() + 8);
  EXPECT_EQ(DropReason::none, lab.send(frame).packet.reason);
  EXPECT_EQ(DropReason::icmp_rate, lab.send(frame).packet.reason);
}

}  // namespace
}  // namespace sluice::balancer
