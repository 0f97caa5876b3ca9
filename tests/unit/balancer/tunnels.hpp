/// Services whose backends are reached in tunnels, as the tests of them use it.
#pragma once

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {

inline Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

/// web at 198.18.100.84 and [2001:2:0:100::84], port 80 of TCP; echo at the same addresses, port 7
/// of UDP. One backend, of both families unless told.
inline Source tunnel_source(Mode mode, const std::vector<std::string>& ends = {"198.18.1.11",
                                                                               "2001:2:0:1::11"}) {
  Source source;
  source.flows_max = 1024;
  ServiceSource web = service("web", "84", 80, ip_protocol::kTcp);
  web.mode = mode;
  web.tunnel.sources = {prefix("198.18.1.1"), prefix("2001:2:0:1::1")};
  web.backends = {backend("be1", ends)};
  ServiceSource echo = web;
  echo.name = "echo";
  echo.port = 7;
  echo.protocol = ip_protocol::kUdp;
  source.services = {web, echo};
  return source;
}

/// The balancer with the stage that follows the second route look-up.
struct TunnelLab : Balancer {
  using Balancer::Balancer;

  struct Wrapped {
    Packet packet;
    test::Bytes bytes;
    Unfit unfit;

    /// From the Ethernet type on: the addresses before it are written when the packet leaves.
    [[nodiscard]] test::Bytes network() const { return {bytes.begin() + 12, bytes.end()}; }
    [[nodiscard]] test::Bytes inner(unsigned outer) const {
      return {bytes.begin() + 14 + outer, bytes.end()};
    }
  };

  Wrapped wrap(const test::Bytes& frame, std::uint16_t flags = 0) {
    test::TestBurst burst(harness, {frame});
    EXPECT_EQ(DropReason::none, burst[0].reason);
    burst[0].flags |= flags;
    run(burst);
    const std::uint64_t tunnels = burst[0].has(packet_flag::kTunnel) ? 1 : 0;
    const Unfit unfit = encapsulate(harness.context, *services, burst.burst, tunnels);
    return {burst[0], burst.bytes(0), unfit};
  }
};

/// The IP packet of a frame.
inline test::Bytes network_of(const test::Bytes& frame) {
  return {frame.begin() + 14, frame.end()};
}

}  // namespace sluice::balancer
