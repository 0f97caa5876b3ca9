/// Link layer of packets that leave: the last rewrite of a forwarded frame, and turning a frame
/// around.
#pragma once

#include <algorithm>
#include <cstring>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/context.hpp"
#include "dataplane/packet/ttl.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

inline constexpr unsigned kEthernetSize = 14;
inline constexpr unsigned kIpv4Size = 20, kIpv6Size = 40, kIcmpSize = 8, kArpSize = 28;
inline constexpr std::uint16_t kEtherIpv4 = 0x0800, kEtherArp = 0x0806, kEtherIpv6 = 0x86dd;
/// Initial TTL and hop limit of what we make ourselves (RFC 1700).
inline constexpr std::uint8_t kTtl = 64;
/// Neighbour discovery messages must have crossed no router (RFC 4861 section 6.1).
inline constexpr std::uint8_t kHopLimitOnLink = 255;
/// Frames below this are padded on the wire; the padding of a received one may stay.
inline constexpr unsigned kFrameLeast = 60;

inline void count_drop(Context& context, DropReason reason) {
  context.books->dropped[static_cast<unsigned>(reason)].add(1);
}

inline void set_ether(std::uint8_t* frame, const MacAddress& to, const MacAddress& from) {
  std::memcpy(frame, to.bytes.data(), 6);
  std::memcpy(frame + 6, from.bytes.data(), 6);
}

[[nodiscard]] inline MacAddress mac_at(const std::uint8_t* at) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), at, 6);
  return mac;
}

/// Our Ethernet address on a port; the host port has its own.
[[nodiscard]] inline const MacAddress& our_mac(const Table& table, PortId port) {
  return port == table.host_port() ? kGatewayMac : table.port(port).mac;
}

/// Removes the VLAN tags: ports are untagged, so what is routed leaves without one.
inline void strip_tags(Packet& p) {
  const auto tags = static_cast<std::uint16_t>(p.l3 - kEthernetSize);
  p.data += tags;
  store_be16(p.data + 12, p.ether_type);
  p.length = static_cast<std::uint16_t>(p.length - tags);
  p.room = static_cast<std::uint16_t>(p.room - tags);
  p.headroom = static_cast<std::uint16_t>(p.headroom + tags);
  p.l3 = kEthernetSize;
  p.l4 = static_cast<std::uint16_t>(p.l4 - tags);
  p.payload = static_cast<std::uint16_t>(p.payload - tags);
  p.end = static_cast<std::uint16_t>(p.end - tags);
  p.vlan = 0;
}

/// What Ethernet padded may be cut off again.
inline void trim(Packet& p) {
  if (p.length > p.end) p.length = std::max(p.end, std::min<std::uint16_t>(p.length, kFrameLeast));
}

/// The last rewrite of a forwarded packet: TTL, VLAN tags, padding, Ethernet addresses, out_port.
/// The outer header of a tunnel begins here and keeps its TTL.
inline void leave(const LinkAddresses& link, PortId port, Packet& p) {
  if (!p.has(packet_flag::kTunnel)) decrement_ttl(p);
  if (p.l3 != kEthernetSize) strip_tags(p);
  trim(p);
  std::memcpy(p.data, &link, sizeof link);
  p.out_port = port;
}

/// The same for untagged IPv4 that is neither of this host nor in a tunnel.
inline void leave_plain(const NextHop& hop, Packet& p) {
  std::uint8_t* const frame = p.data;
  p.ttl = decrement_ipv4_ttl(frame + kEthernetSize);
  trim(p);
  std::memcpy(frame, &hop.link, sizeof hop.link);
  p.out_port = hop.port;
}

/// Sends an answer the way its question came: to its Ethernet source, out of its port, with its
/// VLAN tags.
inline void turn_around(const Table& table, Packet& p) {
  set_ether(p.data, mac_at(p.data + 6), our_mac(table, p.in_port));
  p.out_port = p.in_port;
}

}  // namespace sluice::route
