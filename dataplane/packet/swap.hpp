/// Turning an IP packet around for an answer in place.
#pragma once

#include "dataplane/packet/packet.hpp"

namespace sluice {

/// Ends the IP packet at offset `end`, headers included; checksums are left to the caller.
void end_packet(Packet& packet, std::uint16_t end);

/// Swaps the addresses of the IP packet, ends it at offset `end`, gives it a fresh TTL and right
/// checksums. The transport header (ports too) is the caller's, written before.
void swap_ends(Packet& packet, std::uint16_t end);

}  // namespace sluice
