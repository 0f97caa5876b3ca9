#include "dataplane/packet/swap.hpp"

#include <cstring>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice {

void end_packet(Packet& p, std::uint16_t end) {
  constexpr unsigned kIpv6Size = 40;
  p.end = p.length = end;
  const auto size = static_cast<std::uint16_t>(end - p.l3);
  if (p.ip_version == 4)
    store_be16(p.l3_bytes() + 2, size);
  else
    store_be16(p.l3_bytes() + 4, static_cast<std::uint16_t>(size - kIpv6Size));
}

void swap_ends(Packet& p, std::uint16_t end) {
  constexpr std::uint8_t kTtl = 64;  // RFC 1700
  p.key = p.key.reversed();
  p.ttl = kTtl;
  end_packet(p, end);
  std::uint8_t* ip = p.l3_bytes();
  if (p.ip_version == 4) {
    ip[8] = kTtl;
    std::memcpy(ip + 12, p.key.source.network(), 4);
    std::memcpy(ip + 16, p.key.destination.network(), 4);
  } else {
    ip[7] = kTtl;
    std::memcpy(ip + 8, p.key.source.network(), 16);
    std::memcpy(ip + 24, p.key.destination.network(), 16);
  }
  fill_checksums(p);
}

}  // namespace sluice
