/// The outer header towards one backend: what every packet gets in front, ready but for the fields
/// that follow the packet. IP in IP: RFC 2003 (4 in 4), RFC 2473 (anything in 6), RFC 4213 (6 in
/// 4). GUE: draft-ietf-intarea-gue-09 section 4, variant 1, in which the inner packet follows the
/// UDP header and its version nibble tells the family.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/balancer/source.hpp"

namespace sluice::balancer {

/// One cache line.
struct alignas(64) Tunnel {
  static constexpr unsigned kIpv4Size = 20, kIpv6Size = 40, kUdpSize = 8;

  std::array<std::uint8_t, kIpv6Size + kUdpSize> header{};
  std::uint32_t spread = 0;     ///< bits of the source's last four bytes that follow the flow
  std::uint16_t mtu = 0;        ///< of the port that leads to the backend
  std::uint16_t sum = 0;        ///< IPv4: of the header as it stands, in the machine's order
  std::uint16_t segment = 0;    ///< the largest TCP segment of the inner packets; 0: any
  std::uint8_t size = 0;        ///< bytes of the header
  std::uint8_t ip_version = 0;  ///< of the outer header
  bool gue = false;

  /// Bytes of its IP header.
  [[nodiscard]] unsigned ip_size() const { return ip_version == 4 ? kIpv4Size : kIpv6Size; }
  /// The largest inner packet. IPv6 must not be told of less than 1280 (RFC 8200 section 5).
  [[nodiscard]] std::uint16_t inner_mtu(bool inner_v4) const {
    constexpr std::uint16_t kIpv6Least = 1280;
    const auto left = static_cast<std::uint16_t>(mtu - size);
    return inner_v4 || left > kIpv6Least ? left : kIpv6Least;
  }
};
static_assert(sizeof(Tunnel) == 64);

/// The tunnel to `destination` for inner packets of a family. `way` leads there, and is the source
/// unless the configuration names one of its family.
[[nodiscard]] Tunnel tunnel_to(const IpAddress& destination, const TunnelSource& source, Mode mode,
                               const Way& way, bool inner_v4);

/// The source prefix of the outer header towards `destination`; length 0: there is none.
[[nodiscard]] Prefix source_of(const TunnelSource& source, const IpAddress& destination,
                               const Way& way);

/// Way{} where nothing is known of the routes.
[[nodiscard]] inline Way way_to(const Ways& ways, const IpAddress& destination) {
  return ways ? ways(destination) : Way{};
}

/// Adds the mistakes in what a service says of its tunnels; `where` names the service.
void check_tunnels(const ServiceSource& service, const std::string& where, const Ways& ways,
                   std::vector<Error>& errors);

}  // namespace sluice::balancer
