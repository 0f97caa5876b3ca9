#include "dataplane/balancer/payload.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/balancer/tcp_options.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::balancer {
namespace {

constexpr unsigned kTotalLength = 2, kHeaderChecksum = 10;  ///< offsets in an IPv4 header
constexpr unsigned kPayloadLength = 4;                      ///< offset in an IPv6 header
constexpr unsigned kTcpFlags = 12;                          ///< with the header's length

void update16(std::uint8_t* checksum, std::uint16_t before, std::uint16_t after) {
  store_be16(checksum, checksum_update16(load_be16(checksum), before, after));
}

/// The packet ends at `end` from now on.
void set_end(Packet& p, unsigned end) {
  std::uint8_t* ip = p.l3_bytes();
  const auto change = static_cast<std::uint16_t>(end - p.end);
  std::uint8_t* field = ip + (p.ip_version == 4 ? kTotalLength : kPayloadLength);
  const std::uint16_t before = load_be16(field);
  store_be16(field, static_cast<std::uint16_t>(before + change));
  if (p.ip_version == 4) update16(ip + kHeaderChecksum, before, load_be16(field));
  // The pseudo-header has the segment's length.
  update16(p.l4_bytes() + kTcpChecksum, static_cast<std::uint16_t>(p.end - p.l4),
           static_cast<std::uint16_t>(end - p.l4));
  p.end = p.length = static_cast<std::uint16_t>(end);
}

void clear_fin(Packet& p) {
  std::uint8_t* tcp = p.l4_bytes();
  const std::uint16_t before = load_be16(tcp + kTcpFlags);
  store_be16(tcp + kTcpFlags, static_cast<std::uint16_t>(before & ~unsigned{tcp_flag::kFin}));
  update16(tcp + kTcpChecksum, before, load_be16(tcp + kTcpFlags));
  p.tcp_flags = static_cast<std::uint8_t>(p.tcp_flags & ~tcp_flag::kFin);
}

std::uint16_t sum_of(const std::uint8_t* at, std::size_t size) {
  return static_cast<std::uint16_t>(checksum_sum({at, size}));
}

}  // namespace

bool replace_payload(Packet& p, std::span<const std::uint8_t> front, unsigned keep) {
  const unsigned had = static_cast<unsigned>(p.end) - p.payload;
  const auto size = static_cast<unsigned>(front.size());
  if (p.payload + size + keep > p.room) return false;
  std::uint8_t* payload = p.data + p.payload;
  const std::uint16_t before = sum_of(payload, had);
  std::memmove(payload + size, payload, keep);
  std::copy(front.begin(), front.end(), payload);
  update16(p.l4_bytes() + kTcpChecksum, before, sum_of(payload, size + keep));
  if (keep < had && (p.tcp_flags & tcp_flag::kFin) != 0) clear_fin(p);
  set_end(p, p.payload + size + keep);
  return true;
}

}  // namespace sluice::balancer
