#include "dataplane/firewall/classifier/packet_view.hpp"

namespace sluice::firewall {

/// Traffic class of IPv6 stands across the first two bytes (RFC 8200 section 3).
std::uint8_t dscp_of(const Packet& packet) {
  const std::uint8_t* ip = packet.l3_bytes();
  if (packet.ip_version == 4) return static_cast<std::uint8_t>(ip[1] >> 2U);
  return static_cast<std::uint8_t>(((ip[0] & 15U) << 2U) | (ip[1] >> 6U));
}

PacketView view_of(const Packet& packet, FragmentPorts fragment) {
  const bool l4 = packet.has(packet_flag::kL4);
  const std::uint8_t protocol = packet.key.protocol;
  const bool tcp = protocol == ip_protocol::kTcp;
  const bool with_ports = tcp || protocol == ip_protocol::kUdp;
  const bool icmp = l4 && !with_ports;
  constexpr std::uint16_t kAbsent = PacketView::kAbsent;

  PacketView view;
  const auto set = [&](Dimension dimension, std::uint16_t value) {
    view.small[index_of(dimension)] = value;
  };
  view.is_v4 = packet.ip_version == 4;
  set(Dimension::state, static_cast<std::uint16_t>(packet.connection));
  set(Dimension::family, packet.ip_version);
  set(Dimension::protocol, protocol);
  set(Dimension::in_port, packet.in_port < kPortsMax ? packet.in_port : kAbsent);
  set(Dimension::tcp_flags, l4 && tcp ? packet.tcp_flags : kAbsent);
  set(Dimension::icmp_type, icmp ? packet.icmp_type : kAbsent);
  set(Dimension::icmp_code, icmp ? packet.icmp_code : kAbsent);
  set(Dimension::ttl, packet.ttl);
  set(Dimension::dscp, dscp_of(packet));
  set(Dimension::next_header, view.is_v4 ? kAbsent : packet.l3_bytes()[6]);
  view.has_ports = with_ports && (l4 || fragment.known);
  view.source_port = l4 ? packet.key.source_port : fragment.source;
  view.destination_port = l4 ? packet.key.destination_port : fragment.destination;
  view.source = &packet.key.source;
  view.destination = &packet.key.destination;
  view.source4 = view.is_v4 ? packet.key.source.v4_value() : 0;
  view.destination4 = view.is_v4 ? packet.key.destination.v4_value() : 0;
  return view;
}

}  // namespace sluice::firewall
