/// What every router does to a packet.
#pragma once

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice {

/// TTL or hop limit less one. The IPv4 checksum covers the TTL in the high byte of a word, so it
/// grows by 0x100 (RFC 1141); 0xffff, which no header sums to, is 0 (RFC 1624 section 3). Packets
/// of this host have not crossed a router yet and keep their TTL.
inline void decrement_ttl(Packet& p) {
  if (p.has(packet_flag::kFromHost)) return;
  --p.ttl;
  std::uint8_t* ip = p.l3_bytes();
  if (p.ip_version == 6) {
    ip[7] = p.ttl;
    return;
  }
  const std::uint32_t checksum = load_be16(ip + 10) + 0x100U;
  ip[8] = p.ttl;
  store_be16(ip + 10, static_cast<std::uint16_t>(checksum + (checksum >= 0xffff ? 1 : 0)));
}

}  // namespace sluice
