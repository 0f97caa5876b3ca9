/// What rules see of a packet: its properties as numbers, read once a packet.
#pragma once

#include <array>

#include "dataplane/firewall/classifier/dimension.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::firewall {

struct PacketView {
  /// Index of the small dimensions that the packet lacks.
  static constexpr std::uint16_t kAbsent = 256;

  std::array<std::uint16_t, kSmallDimensions> small;
  bool has_ports;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  bool is_v4;
  std::uint32_t source4;
  std::uint32_t destination4;
  const IpAddress* source;  ///< for IPv6
  const IpAddress* destination;
};

/// Ports that a later fragment has from its first one.
struct FragmentPorts {
  bool known = false;
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
};

/// Differentiated services code point of a packet with IP (RFC 2474).
[[nodiscard]] std::uint8_t dscp_of(const Packet& packet);
/// The view of a packet with IP; `packet` must outlive it.
[[nodiscard]] PacketView view_of(const Packet& packet, FragmentPorts fragment);

}  // namespace sluice::firewall
