#include "dataplane/balancer/rewrite.hpp"

#include <cstring>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice::balancer {
namespace {

/// Sums of one's complement arithmetic may be taken over 32-bit words in the machine's order: 2^16
/// is 1 modulo 65535, and a byte swap commutes with the sum (RFC 1071 section 2).
std::uint32_t load32(const std::uint8_t* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// What to add to ~checksum when `size` bytes (a multiple of 4) change.
std::uint64_t difference(const std::uint8_t* before, const std::uint8_t* after, unsigned size) {
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < size; i += 4)
    sum += std::uint64_t{~load32(before + i)} + load32(after + i);
  return sum;
}

/// RFC 1624 equation 3: HC' = ~(~HC + ~m + m').
std::uint16_t apply(std::uint8_t* checksum, std::uint64_t sum) {
  std::uint16_t value;
  std::memcpy(&value, checksum, sizeof value);
  value = checksum_finish(sum + static_cast<std::uint16_t>(~value));
  std::memcpy(checksum, &value, sizeof value);
  return value;
}

void apply_transport(const Headers& h, std::uint64_t sum) {
  constexpr unsigned kTcpChecksum = 16, kUdpChecksum = 6;
  if (h.protocol == ip_protocol::kTcp) {
    if (h.l4_available >= kTcpChecksum + 2) apply(h.l4 + kTcpChecksum, sum);
    return;
  }
  if (h.l4_available < kUdpChecksum + 2) return;
  std::uint8_t* field = h.l4 + kUdpChecksum;
  if (load_be16(field) == 0) return;
  if (apply(field, sum) == 0) store_be16(field, 0xffff);  // RFC 768: 0 would mean none
}

/// Expanded for either caller: for a packet no headers are put together in memory.
[[gnu::always_inline]] inline void rewrite_headers(const Headers& h, End end,
                                                   const IpAddress& address, std::uint16_t port) {
  const bool v4 = h.ip_version == 4;
  const unsigned size = v4 ? 4 : 16;
  std::uint8_t* at = h.l3 + (v4 ? 12 : 8) + (end == End::destination ? size : 0);
  const std::uint8_t* bytes = address.bytes.data() + (v4 ? 12 : 0);
  std::uint64_t sum = v4 ? difference(at, bytes, 4) : difference(at, bytes, 16);
  std::memcpy(at, bytes, size);
  if (v4) apply(h.l3 + 10, sum);
  if (!has_ports(h.protocol)) return;
  std::uint8_t* ports = h.l4 + (end == End::destination ? 2 : 0);
  std::uint16_t before;
  std::uint16_t after;
  std::memcpy(&before, ports, sizeof before);
  store_be16(ports, port);
  std::memcpy(&after, ports, sizeof after);
  sum += std::uint64_t{static_cast<std::uint16_t>(~before)} + after;
  apply_transport(h, sum);
}

}  // namespace

void rewrite(const Headers& headers, End end, const IpAddress& address, std::uint16_t port) {
  rewrite_headers(headers, end, address, port);
}

void rewrite(Packet& p, End end, const IpAddress& address, std::uint16_t port) {
  rewrite_headers({.l3 = p.l3_bytes(),
                   .l4 = p.l4_bytes(),
                   .l4_available = static_cast<unsigned>(p.payload) - p.l4,
                   .ip_version = p.ip_version,
                   .protocol = p.key.protocol},
                  end, address, port);
  (end == End::destination ? p.key.destination : p.key.source) = address;
  const bool to = end == End::destination;
  p.key.set_transport(p.key.protocol, to ? p.key.source_port : port,
                      to ? port : p.key.destination_port);
}

}  // namespace sluice::balancer
