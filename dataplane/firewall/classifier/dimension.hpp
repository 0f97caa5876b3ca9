/// The properties of a packet that rules decide on.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/firewall/classifier/value_set.hpp"

namespace sluice::firewall {

/// The small ones first: each has at most 256 values and is a table look-up.
enum class Dimension : std::uint8_t {
  state,        ///< ConnectionState
  family,       ///< 4 or 6
  protocol,     ///< transport protocol, behind IPv6 extension headers
  in_port,      ///< PortId, below kPortsMax
  tcp_flags,    ///< of TCP with its header
  icmp_type,    ///< of ICMP of either family with its header
  icmp_code,    ///< the same
  ttl,          ///< or hop limit
  dscp,         ///< 0..63
  next_header,  ///< of the IPv6 header itself
  source_port,  ///< of TCP and UDP
  destination_port,
  source4,
  destination4,
  source6,
  destination6,
};

inline constexpr unsigned kDimensions = 16;
inline constexpr unsigned kSmallDimensions = 10;
/// Ports that rules can tell apart.
inline constexpr unsigned kPortsMax = 256;

[[nodiscard]] constexpr unsigned index_of(Dimension dimension) {
  return static_cast<unsigned>(dimension);
}

/// The largest number among a dimension's values.
[[nodiscard]] constexpr Number largest_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::source_port:
    case Dimension::destination_port:
      return 0xffff;
    case Dimension::source4:
    case Dimension::destination4:
      return 0xffffffff;
    case Dimension::source6:
    case Dimension::destination6:
      return ~Number{0};
    default:
      return 255;
  }
}

/// A conjunction: for each dimension the values accepted, or null where all are and the packet need
/// not have the property at all. Equal sets of many rules are one object.
using Conditions = std::array<std::shared_ptr<const ValueSet>, kDimensions>;

}  // namespace sluice::firewall
