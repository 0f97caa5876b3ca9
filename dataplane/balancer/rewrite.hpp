/// Changing an address and a port in headers, with their checksums (RFC 1624).
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice::balancer {

/// Which of the two ends a header names is changed.
enum class End : std::uint8_t { source, destination };

/// Headers whose lengths have been checked: a packet's own, or those quoted in an ICMP error.
struct Headers {
  std::uint8_t* l3 = nullptr;
  std::uint8_t* l4 = nullptr;
  unsigned l4_available = 0;  ///< bytes of the transport header that are there; at least 4
  std::uint8_t ip_version = 0;
  std::uint8_t protocol = 0;  ///< TCP, UDP, or ICMP of either family (whose ports are not touched)
};

/// Writes address (of the headers' family) and port over those of `end`. The IPv4 header checksum
/// and, where it is there, the transport checksum are updated by the difference, so that one that
/// was wrong stays wrong; a UDP checksum of 0 over IPv4 means none and stays 0. An ICMP checksum is
/// left to the caller.
void rewrite(const Headers& headers, End end, const IpAddress& address, std::uint16_t port);

/// Writes the address over that of an end of an ICMP packet, whose own checksum is left to the
/// caller; its key follows.
void readdress(Packet& packet, End end, const IpAddress& address);

/// What a checksum field changes by, in one's complement arithmetic. Sums may be taken over words
/// in the machine's order: 2^16 is 1 modulo 65535, and a byte swap commutes with the sum (RFC 1071
/// section 2).
struct ChecksumChange {
  std::uint32_t sum = 0;  ///< of a few dozen words at most: it does not overflow

  void add(std::uint16_t before, std::uint16_t after) {
    sum += std::uint32_t{static_cast<std::uint16_t>(~before)} + after;
  }
  void add(std::uint32_t before, std::uint32_t after) {
    const std::uint64_t both = std::uint64_t{~before} + after;
    sum += static_cast<std::uint32_t>((both & 0xffff) + (both >> 16 & 0xffff) + (both >> 32));
  }
  /// RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). Returns it, in the machine's order.
  std::uint16_t apply(std::uint8_t* field) const {
    std::uint16_t value;
    std::memcpy(&value, field, sizeof value);
    std::uint32_t folded = sum + static_cast<std::uint16_t>(~value);
    folded = (folded & 0xffff) + (folded >> 16);
    folded += folded >> 16;
    value = static_cast<std::uint16_t>(~folded);
    std::memcpy(field, &value, sizeof value);
    return value;
  }
  /// To that of a whole TCP or UDP header.
  void apply_transport(std::uint8_t* l4, std::uint8_t protocol) const {
    constexpr unsigned kTcpChecksum = 16, kUdpChecksum = 6;
    if (protocol == ip_protocol::kTcp) {
      apply(l4 + kTcpChecksum);
    } else if (load_be16(l4 + kUdpChecksum) != 0) {
      // RFC 768: 0 would mean none.
      if (apply(l4 + kUdpChecksum) == 0) store_be16(l4 + kUdpChecksum, 0xffff);
    }
  }
};

namespace detail {

template <class Word>
[[nodiscard]] Word load(const std::uint8_t* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

template <class Word>
[[gnu::always_inline]] inline void replace(std::uint8_t* at, const std::uint8_t* by,
                                           ChecksumChange& change) {
  const Word after = load<Word>(by);
  change.add(load<Word>(at), after);
  std::memcpy(at, &after, sizeof after);
}

}  // namespace detail

/// rewrite() for a packet with a whole TCP or UDP header; its key follows.
[[gnu::always_inline]] inline void rewrite(Packet& p, End end, const IpAddress& address,
                                           std::uint16_t port) {
  const bool to = end == End::destination;
  std::uint8_t* const ip = p.l3_bytes();
  std::uint8_t* const l4 = p.l4_bytes();
  ChecksumChange change;
  if (p.ip_version == 4) [[likely]] {
    detail::replace<std::uint32_t>(ip + (to ? 16 : 12), address.bytes.data() + 12, change);
    change.apply(ip + 10);
  } else {
    for (unsigned i = 0; i < 16; i += 4)
      detail::replace<std::uint32_t>(ip + (to ? 24 : 8) + i, address.bytes.data() + i, change);
  }
  std::uint8_t wire[2];
  store_be16(wire, port);
  detail::replace<std::uint16_t>(l4 + (to ? 2 : 0), wire, change);
  change.apply_transport(l4, p.key.protocol);
  (to ? p.key.destination : p.key.source) = address;
  p.key.set_transport(p.key.protocol, to ? p.key.source_port : port,
                      to ? port : p.key.destination_port);
}

}  // namespace sluice::balancer
