/// The first stage: finds the headers once, checks every length, and leaves offsets and the flow
/// key.
#pragma once

#include "dataplane/packet/packet.hpp"
#include "dataplane/packet/station.hpp"

namespace sluice {

/// Bounds of the IPv6 extension header chain.
inline constexpr unsigned kExtensionHeadersMax = 8;
inline constexpr unsigned kExtensionBytesMax = 256;

/// Parses one packet whose data and length are set: Ethernet, up to two VLAN tags, ARP, IPv4 with
/// options, IPv6 with extension headers, TCP, UDP, ICMP, fragments. Returns the reason to drop it,
/// or DropReason::none. Never reads outside [data, data + length).
[[nodiscard]] DropReason parse(Packet& packet);

/// The same without parse's short way for plain packets.
[[nodiscard]] DropReason parse_any(Packet& packet);

/// Parses the packets of a burst; the malformed are dropped with their reason. Returns those that
/// are plain: whole TCP or UDP between two hosts over IPv4 without options, to the station's own
/// Ethernet address. The others want a closer look (filter_link, firewall::early).
std::uint64_t parse(const Stations& stations, Burst& burst);

}  // namespace sluice
