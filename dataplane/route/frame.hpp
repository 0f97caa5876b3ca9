/// Writing the messages of ARP (RFC 826), neighbour discovery (RFC 4861) and ICMP.
#pragma once

#include "dataplane/packet/packet.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

struct ArpMessage {
  static constexpr std::uint16_t kRequest = 1, kReply = 2;
  std::uint16_t operation = 0;
  MacAddress sender_mac;
  IpAddress sender;
  MacAddress target_mac;
  IpAddress target;
};

/// 28 bytes for Ethernet and IPv4.
void write_arp(std::uint8_t* at, const ArpMessage& message);

/// ICMPv6 types, option types and flags of neighbour discovery (RFC 4861 section 4).
namespace nd {
inline constexpr std::uint8_t kRouterSolicitation = 133, kRouterAdvertisement = 134;
inline constexpr std::uint8_t kNeighbourSolicitation = 135, kNeighbourAdvertisement = 136;
inline constexpr std::uint8_t kRedirect = 137;
inline constexpr std::uint8_t kSourceLinkAddress = 1, kTargetLinkAddress = 2;
inline constexpr std::uint8_t kRouterFlag = 0x80, kSolicitedFlag = 0x40, kOverrideFlag = 0x20;
}  // namespace nd

/// ff02::1:ffXX:XXXX of an address (RFC 4291 section 2.7.1).
[[nodiscard]] IpAddress solicited_node(const IpAddress& address);
/// 33:33:XX:XX:XX:XX of an IPv6 group (RFC 2464 section 7).
[[nodiscard]] MacAddress multicast_mac(const IpAddress& group);
/// Eight bytes of link-layer address option.
void write_link_address(std::uint8_t* at, std::uint8_t option, const MacAddress& mac);

/// Writes an IPv6 header at l3 for `size` bytes of ICMPv6 after it, sets the packet's fields (the
/// Ethernet addresses are the caller's), and returns the message, all zero. The room is checked.
[[nodiscard]] std::uint8_t* start_icmp6(Packet& packet, const IpAddress& source,
                                        const IpAddress& destination, unsigned size,
                                        std::uint8_t hop_limit = 255);
/// Checksum and the packet's ICMP fields, once the message is written.
void finish_icmp6(Packet& packet);

}  // namespace sluice::route
