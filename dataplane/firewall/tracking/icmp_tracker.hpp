/// The ICMP part of connection tracking: which messages ask, which answer, and what an error is
/// about.
#pragma once

#include <optional>

#include "dataplane/firewall/tracking/connection.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::firewall {

enum class IcmpRole : std::uint8_t {
  request,       ///< starts a connection
  reply,         ///< belongs to one, or is invalid
  error,         ///< quotes a packet of a connection
  housekeeping,  ///< neighbour discovery and multicast listeners: not tracked
  unknown,       ///< invalid
};

/// RFC 792, RFC 4443, RFC 4861, RFC 3810. `v4` tells ICMP from ICMPv6.
[[nodiscard]] IcmpRole icmp_role(bool v4, std::uint8_t type);

/// The packet that an ICMP error quotes.
struct QuotedPacket {
  FlowKey key;
  IcmpRole role = IcmpRole::unknown;  ///< of an ICMP packet
};
/// Reads the quotation. Nothing: cut short, a fragment without ports, or of a packet that was not
/// sent by the receiver of the error.
[[nodiscard]] std::optional<QuotedPacket> quoted_packet(const Packet& error);

}  // namespace sluice::firewall
