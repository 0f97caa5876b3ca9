/// Changing an address and a port in headers, with their checksums (RFC 1624).
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.hpp"

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

/// The same for a packet with a TCP or UDP header; its key follows.
void rewrite(Packet& packet, End end, const IpAddress& address, std::uint16_t port);

}  // namespace sluice::balancer
