/// IP protocols by the names that operators use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/packet/packet.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice {

/// "tcp", "udp", "icmp", "icmp6" (or "icmpv6"), "sctp", or a number up to 255. Error: none of them.
[[nodiscard]] Result<std::uint8_t> protocol_by_name(std::string_view name);
/// The name, or "protocol 47".
[[nodiscard]] std::string protocol_name(std::uint8_t protocol);

/// Whether its header has ports that flows are told apart by.
[[nodiscard]] inline bool has_ports(std::uint8_t protocol) {
  return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp;
}

}  // namespace sluice
