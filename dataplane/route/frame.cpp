#include "dataplane/route/frame.hpp"

#include "dataplane/packet/checksum.hpp"
#include "dataplane/route/ethernet.hpp"

namespace sluice::route {

void write_arp(std::uint8_t* at, const ArpMessage& message) {
  store_be16(at, 1);  // Ethernet
  store_be16(at + 2, kEtherIpv4);
  at[4] = 6;
  at[5] = 4;
  store_be16(at + 6, message.operation);
  std::memcpy(at + 8, message.sender_mac.bytes.data(), 6);
  std::memcpy(at + 14, message.sender.network(), 4);
  std::memcpy(at + 18, message.target_mac.bytes.data(), 6);
  std::memcpy(at + 24, message.target.network(), 4);
}

IpAddress solicited_node(const IpAddress& address) {
  IpAddress group;
  group.bytes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::memcpy(group.bytes.data() + 13, address.bytes.data() + 13, 3);
  return group;
}

MacAddress multicast_mac(const IpAddress& group) {
  MacAddress mac{{0x33, 0x33}};
  std::memcpy(mac.bytes.data() + 2, group.bytes.data() + 12, 4);
  return mac;
}

void write_link_address(std::uint8_t* at, std::uint8_t option, const MacAddress& mac) {
  at[0] = option;
  at[1] = 1;  // in units of eight bytes
  std::memcpy(at + 2, mac.bytes.data(), 6);
}

std::uint8_t* start_icmp6(Packet& packet, const IpAddress& source, const IpAddress& destination,
                          unsigned size, std::uint8_t hop_limit) {
  store_be16(packet.l3_bytes() - 2, kEtherIpv6);
  packet.ether_type = kEtherIpv6;
  packet.ip_version = 6;
  packet.key = FlowKey{.source = source, .destination = destination};
  packet.key.protocol = ip_protocol::kIcmp6;
  packet.ttl = hop_limit;
  packet.l4 = static_cast<std::uint16_t>(packet.l3 + kIpv6Size);
  packet.payload = static_cast<std::uint16_t>(packet.l4 + kIcmpSize);
  packet.end = packet.length = static_cast<std::uint16_t>(packet.l4 + size);
  packet.flags = static_cast<std::uint16_t>((packet.flags & packet_flag::kTraced) |
                                            packet_flag::kIp | packet_flag::kL4);
  std::uint8_t* ip = packet.l3_bytes();
  store_be32(ip, 0x6000'0000);
  store_be16(ip + 4, static_cast<std::uint16_t>(size));
  ip[6] = ip_protocol::kIcmp6;
  ip[7] = hop_limit;
  std::memcpy(ip + 8, source.bytes.data(), 16);
  std::memcpy(ip + 24, destination.bytes.data(), 16);
  std::memset(ip + kIpv6Size, 0, size);
  return packet.l4_bytes();
}

void finish_icmp6(Packet& packet) {
  std::uint8_t* message = packet.l4_bytes();
  packet.icmp_type = message[0];
  packet.icmp_code = message[1];
  store_be16(message + 2, l4_checksum(packet));
}

}  // namespace sluice::route
