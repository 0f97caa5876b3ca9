/// The first stage: finds the headers once, checks every length, and leaves offsets and the flow
/// key.
#pragma once

#include "dataplane/packet/context.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice {

/// Bounds of the IPv6 extension header chain.
inline constexpr unsigned kExtensionHeadersMax = 8;
inline constexpr unsigned kExtensionBytesMax = 256;

/// Parses one packet whose data and length are set: Ethernet, up to two VLAN tags, ARP, IPv4 with
/// options, IPv6 with extension headers, TCP, UDP, ICMP, fragments. Returns the reason to drop it,
/// or DropReason::none. Never reads outside [data, data + length).
[[nodiscard]] DropReason parse(Packet& packet, const HashSeed& seed);

/// The same without parse's short way for plain packets.
[[nodiscard]] DropReason parse_any(Packet& packet, const HashSeed& seed);

/// Parses the alive packets of a burst; the malformed are dropped with their reason.
void parse(Context& context, Burst& burst);

}  // namespace sluice
