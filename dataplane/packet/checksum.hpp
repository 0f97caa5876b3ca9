/// Internet checksums (RFC 1071) and their incremental update (RFC 1624).
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/packet.hpp"

namespace sluice {

/// One's complement sum of bytes, not folded and not inverted; add partial sums freely.
[[nodiscard]] std::uint64_t checksum_sum(std::span<const std::uint8_t> bytes);
/// Folds a sum to 16 bits and inverts it: the value to store, as load_be16 would read it.
[[nodiscard]] std::uint16_t checksum_finish(std::uint64_t sum);

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
/// Writes both where the packet has them.
void fill_checksums(Packet& p);

}  // namespace sluice
