#include "dataplane/dns/udp_reply.hpp"

#include <cstring>
#include <utility>

#include "dataplane/packet/bytes.hpp"

namespace sluice::dns {

namespace {

constexpr std::size_t kUdpHeader = 8, kIp4Header = 20, kIp6Header = 40;
constexpr std::uint8_t kReplyTtl = 64;

void swap_bytes(std::uint8_t* a, std::uint8_t* b, std::size_t size) {
  std::uint8_t kept[16];
  std::memcpy(kept, a, size);
  std::memcpy(a, b, size);
  std::memcpy(b, kept, size);
}

/// Service class 0, don't fragment (RFC 9715), the identification of the query.
void write_ip4(std::uint8_t* ip, std::size_t size) {
  ip[0] = 0x45;
  ip[1] = 0;
  store_be16(ip + 2, static_cast<std::uint16_t>(kIp4Header + size));
  store_be16(ip + 6, 0x4000);
  ip[8] = kReplyTtl;
  ip[9] = ip_protocol::kUdp;
  swap_bytes(ip + 12, ip + 16, 4);
}

void write_ip6(std::uint8_t* ip, std::size_t size) {
  store_be32(ip, 0x60000000);
  store_be16(ip + 4, static_cast<std::uint16_t>(size));
  ip[6] = ip_protocol::kUdp;
  ip[7] = kReplyTtl;
  swap_bytes(ip + 8, ip + 24, 16);
}

}  // namespace

void strip_ip_options(Packet& packet) {
  const std::size_t header = packet.ip_version == 4 ? kIp4Header : kIp6Header;
  const std::size_t options = packet.l4 - packet.l3 - header;
  std::memmove(packet.l4_bytes() - options, packet.l4_bytes(), packet.end - packet.l4);
  packet.l4 = static_cast<std::uint16_t>(packet.l4 - options);
  packet.payload = static_cast<std::uint16_t>(packet.payload - options);
  packet.end = static_cast<std::uint16_t>(packet.end - options);
  packet.flags &= static_cast<std::uint16_t>(~packet_flag::kIpOptions);
}

void make_reply(Packet& packet, std::size_t size) {
  swap_bytes(packet.data, packet.data + 6, 6);
  const std::size_t datagram = kUdpHeader + size;
  if (packet.ip_version == 4) {
    write_ip4(packet.l3_bytes(), datagram);
  } else {
    write_ip6(packet.l3_bytes(), datagram);
  }
  std::uint8_t* udp = packet.l4_bytes();
  swap_bytes(udp, udp + 2, 2);
  store_be16(udp + 4, static_cast<std::uint16_t>(datagram));

  packet.key = packet.key.reversed();
  packet.ttl = kReplyTtl;
  packet.end = static_cast<std::uint16_t>(packet.payload + size);
  packet.length = packet.end;
  packet.out_port = packet.in_port;
}

}  // namespace sluice::dns
