#include "dataplane/packet/checksum.hpp"

#include <immintrin.h>

#include "dataplane/packet/bytes.hpp"

namespace sluice {

std::uint64_t checksum_raw_long(const std::uint8_t* at, std::size_t size) {
  const __m256i low = _mm256_set1_epi64x(0xffff'ffff);
  __m256i sums = _mm256_setzero_si256();
  for (; size >= 32; size -= 32, at += 32) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    sums = _mm256_add_epi64(sums, _mm256_and_si256(words, low));
    sums = _mm256_add_epi64(sums, _mm256_srli_epi64(words, 32));
  }
  std::uint64_t parts[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(parts), sums);
  return parts[0] + parts[1] + parts[2] + parts[3] + checksum_raw(at, size);
}

std::uint16_t checksum_update16(std::uint16_t checksum, std::uint16_t before, std::uint16_t after) {
  const std::uint64_t sum = std::uint64_t{static_cast<std::uint16_t>(~checksum)} +
                            static_cast<std::uint16_t>(~before) + after;
  return checksum_finish(sum);
}

std::uint16_t checksum_update(std::uint16_t checksum, std::span<const std::uint8_t> before,
                              std::span<const std::uint8_t> after) {
  std::uint64_t sum = static_cast<std::uint16_t>(~checksum);
  for (std::size_t i = 0; i + 1 < before.size(); i += 2) {
    sum += static_cast<std::uint16_t>(~load_be16(before.data() + i));
    sum += load_be16(after.data() + i);
  }
  return checksum_finish(sum);
}

std::uint16_t ipv4_header_checksum(const Packet& p) {
  const std::uint8_t* ip = p.l3_bytes();
  const std::size_t size = std::size_t{ip[0] & 0xfU} * 4;
  const std::uint64_t sum = checksum_sum({ip, 10}) + checksum_sum({ip + 12, size - 12});
  return checksum_finish(sum);
}

namespace {

/// Offset of the checksum field in the transport header, or 0 if we know none.
std::size_t checksum_offset(std::uint8_t protocol) {
  switch (protocol) {
    case ip_protocol::kTcp:
      return 16;
    case ip_protocol::kUdp:
      return 6;
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmp6:
      return 2;
    default:
      return 0;
  }
}

}  // namespace

std::uint16_t l4_checksum(const Packet& p) {
  const std::uint8_t protocol = p.key.protocol;
  const std::size_t field = checksum_offset(protocol);
  const std::size_t size = std::size_t{p.end} - p.l4;
  const std::uint8_t* l4 = p.l4_bytes();
  std::uint64_t sum = checksum_raw(l4, field) + checksum_raw(l4 + field + 2, size - field - 2);
  if (protocol != ip_protocol::kIcmp) {
    // Both addresses stand side by side; what makes an IPv4 one 16 bytes long adds 0xffff, which is
    // nothing.
    sum += checksum_raw(p.key.source.bytes.data(), 2 * sizeof(IpAddress));
    sum += __builtin_bswap16(static_cast<std::uint16_t>(size)) + (std::uint64_t{protocol} << 8U);
  }
  const std::uint16_t result = __builtin_bswap16(checksum_finish(sum));
  return protocol == ip_protocol::kUdp && result == 0 ? 0xffff : result;
}

namespace {

/// Sums the stored checksum too, so that a right one gives 0 (inverted). A message of zeros alone
/// may carry either zero of one's complement arithmetic: Linux answers an ICMP echo of identifier
/// and sequence 0 without data with a checksum of 0x0000, not 0xffff.
bool sums_up(const Packet& p) {
  const std::size_t size = std::size_t{p.end} - p.l4;
  std::uint64_t sum = checksum_raw(p.l4_bytes(), size);
  if (p.key.protocol != ip_protocol::kIcmp) {
    // Both addresses stand side by side at the end of either IP header.
    sum +=
        p.ip_version == 4 ? checksum_raw(p.l3_bytes() + 12, 8) : checksum_raw(p.l3_bytes() + 8, 32);
    sum +=
        __builtin_bswap16(static_cast<std::uint16_t>(size)) + (std::uint64_t{p.key.protocol} << 8U);
  }
  return checksum_right(sum);
}

}  // namespace

bool l4_checksum_right(Packet& p) {
  if (p.has(packet_flag::kL4ChecksumGood)) return true;
  if (!p.has(packet_flag::kL4) || p.has(packet_flag::kFragment)) return true;
  const bool none = p.key.protocol == ip_protocol::kUdp && load_be16(p.l4_bytes() + 6) == 0;
  if (!none && !sums_up(p)) return false;
  p.flags |= packet_flag::kL4ChecksumGood;
  return true;
}

void fill_checksums(Packet& p) {
  if (p.ip_version == 4) store_be16(p.l3_bytes() + 10, ipv4_header_checksum(p));
  if (!p.has(packet_flag::kL4) || p.has(packet_flag::kFragment)) return;
  const std::size_t field = checksum_offset(p.key.protocol);
  if (field != 0) store_be16(p.l4_bytes() + field, l4_checksum(p));
}

}  // namespace sluice
