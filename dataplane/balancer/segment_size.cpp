#include "dataplane/balancer/segment_size.hpp"

#include "dataplane/balancer/tcp_options.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::balancer {
namespace {

/// Offset of the option's value from the TCP header; 0: there is none, or the list is malformed.
unsigned find_segment_size(std::span<const std::uint8_t> header) {
  constexpr unsigned kLength = 4;
  unsigned found = 0;
  for_each_option(header, [&](std::uint8_t kind, unsigned at, unsigned length) {
    if (kind != tcp_option::kSegmentSize) return true;
    if (length == kLength) found = at + 2;
    return false;
  });
  return found;
}

}  // namespace

void clamp_segment_size(Packet& p, std::uint16_t most) {
  if (!p.has(packet_flag::kL4) || p.key.protocol != ip_protocol::kTcp ||
      (p.tcp_flags & tcp_flag::kSyn) == 0)
    return;
  std::uint8_t* tcp = p.l4_bytes();
  const unsigned at = find_segment_size({tcp, static_cast<std::size_t>(p.payload) - p.l4});
  if (at == 0 || load_be16(tcp + at) <= most) return;
  // At an odd offset the value is parts of two words.
  const unsigned first = at & ~1U;
  const unsigned size = (at & 1U) != 0 ? 4 : 2;
  std::uint8_t before[4];
  std::memcpy(before, tcp + first, size);
  store_be16(tcp + at, most);
  const std::uint16_t sum =
      checksum_update(load_be16(tcp + kTcpChecksum), {before, size}, {tcp + first, size});
  store_be16(tcp + kTcpChecksum, sum);
}

}  // namespace sluice::balancer
