#include "dataplane/route/swap.hpp"

#include "dataplane/route/ethernet.hpp"

namespace sluice::route {

void swap_ends(Packet& p, std::uint16_t end) {
  p.key = p.key.reversed();
  p.end = p.length = end;
  p.ttl = kTtl;
  std::uint8_t* ip = p.l3_bytes();
  const auto size = static_cast<std::uint16_t>(end - p.l3);
  if (p.ip_version == 4) {
    store_be16(ip + 2, size);
    ip[8] = kTtl;
    std::memcpy(ip + 12, p.key.source.network(), 4);
    std::memcpy(ip + 16, p.key.destination.network(), 4);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(size - kIpv6Size));
    ip[7] = kTtl;
    std::memcpy(ip + 8, p.key.source.network(), 16);
    std::memcpy(ip + 24, p.key.destination.network(), 16);
  }
  fill_checksums(p);
}

}  // namespace sluice::route
