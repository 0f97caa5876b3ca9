/// What every router does to a packet.
#pragma once

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice {

/// Takes one off the TTL of an IPv4 header and returns what is left. The checksum covers the TTL in
/// the high byte of a word, so it grows by 0x100 (RFC 1141), which is 1 in the machine's order
/// (RFC 1071 section 2 (B)); 0xffff, which no header sums to, is 0 (RFC 1624 section 3).
inline std::uint8_t decrement_ipv4_ttl(std::uint8_t* ip) {
  const auto left = static_cast<std::uint8_t>(ip[8] - 1);
  ip[8] = left;
  std::uint16_t word;
  std::memcpy(&word, ip + 10, sizeof word);
  const std::uint32_t checksum = word + 1U;
  word = static_cast<std::uint16_t>(checksum + (checksum >= 0xffff ? 1 : 0));
  std::memcpy(ip + 10, &word, sizeof word);
  return left;
}

/// TTL or hop limit less one. Packets of this host have not crossed a router yet and keep theirs.
inline void decrement_ttl(Packet& p) {
  if (p.has(packet_flag::kFromHost)) return;
  std::uint8_t* ip = p.l3_bytes();
  if (p.ip_version == 4) {
    p.ttl = decrement_ipv4_ttl(ip);
  } else {
    ip[7] = --p.ttl;
  }
}

}  // namespace sluice
