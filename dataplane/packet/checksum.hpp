/// Internet checksums (RFC 1071) and their incremental update (RFC 1624).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/packet/packet.hpp"

namespace sluice {

/// A sum folded to 16 bits: 0 only if it is 0.
[[nodiscard]] inline std::uint16_t checksum_fold(std::uint64_t sum) {
  sum = (sum & 0xffff'ffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

/// As checksum_raw, for what is long enough to be summed in vectors of 32 bytes.
[[nodiscard]] std::uint64_t checksum_raw_long(const std::uint8_t* at, std::size_t size);

/// One's complement sum of bytes as words in the machine's order, which a byte swap of the folded
/// sum makes that of network order (RFC 1071 section 2 (B)). Neither folded nor inverted; partial
/// sums of an even number of bytes add freely.
[[nodiscard]] inline std::uint64_t checksum_raw(const std::uint8_t* at, std::size_t size) {
  constexpr std::size_t kLong = 128;
  if (size >= kLong) return checksum_raw_long(at, size);
  std::uint64_t sum = 0;
  if (size >= 8) {
    std::uint64_t word;
    const auto add = [&] {
      sum += word;
      sum += sum < word ? 1 : 0;  // 2^64 is 1 modulo 65535
    };
    const std::uint8_t* const last = at + (size - 8);
    for (; at < last; at += 8) {
      std::memcpy(&word, at, sizeof word);
      add();
    }
    std::memcpy(&word, last, sizeof word);
    word >>= 8 * (at - last);  // what was added before
    add();
    return (sum & 0xffff'ffff) + (sum >> 32);
  }
  if ((size & 4U) != 0) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    sum += word;
    at += 4;
  }
  if ((size & 2U) != 0) {
    std::uint16_t word;
    std::memcpy(&word, at, sizeof word);
    sum += word;
    at += 2;
  }
  return (size & 1U) != 0 ? sum + *at : sum;
}

/// Whether the raw sum of bytes that include their checksum, and are not all zeros, says that it is
/// right: zero in one's complement arithmetic.
[[nodiscard]] inline bool checksum_right(std::uint64_t raw_sum) {
  return raw_sum % 0xffff == 0;
}

/// One's complement sum of bytes, not inverted; add partial sums freely.
[[nodiscard]] inline std::uint64_t checksum_sum(std::span<const std::uint8_t> bytes) {
  return __builtin_bswap16(checksum_fold(checksum_raw(bytes.data(), bytes.size())));
}
/// Folds a sum to 16 bits and inverts it: the value to store, as load_be16 would read it.
[[nodiscard]] inline std::uint16_t checksum_finish(std::uint64_t sum) {
  return static_cast<std::uint16_t>(~checksum_fold(sum));
}

/// New checksum after a 16-bit word at an even offset changed (RFC 1624 equation 3).
[[nodiscard]] std::uint16_t checksum_update16(std::uint16_t checksum, std::uint16_t before,
                                              std::uint16_t after);
/// New checksum after bytes at an even offset changed; both spans have the same even size.
[[nodiscard]] std::uint16_t checksum_update(std::uint16_t checksum,
                                            std::span<const std::uint8_t> before,
                                            std::span<const std::uint8_t> after);

/// Checksum of the IPv4 header of `p`, its checksum field taken as 0.
[[nodiscard]] std::uint16_t ipv4_header_checksum(const Packet& p);
/// Checksum of TCP, UDP or ICMP of `p` over its pseudo-header (ICMP over IPv4 has none), its
/// checksum field taken as 0. A UDP result of 0 is returned as 0xffff (RFC 768).
[[nodiscard]] std::uint16_t l4_checksum(const Packet& p);
/// Whether TCP, UDP or ICMP of `p` came as it was sent. Asked by who reads what is behind the
/// header, keeps state by it or answers it: a router passes on what it cannot judge for the host
/// that it is for. Reckoned once, then kL4ChecksumGood. True where nothing can be told: fragments,
/// other protocols, UDP over IPv4 that has none (RFC 768).
[[nodiscard]] bool l4_checksum_right(Packet& p);
/// Writes both where the packet has them.
void fill_checksums(Packet& p);

}  // namespace sluice
