/// What a rule may look at, and the words for the values found there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/firewall/classifier/dimension.hpp"
#include "dataplane/firewall/classifier/value_set.hpp"

namespace sluice::firewall {

/// How values of a field are written.
enum class ValueType : std::uint8_t {
  ipv4_address,
  ipv6_address,
  port,
  protocol,
  icmp_type,
  icmp6_type,
  interface,
  family,      ///< ipv4, ipv6
  ether_type,  ///< ip, ip6
  state,
  tcp_flags,
  number,
  dscp,
};

/// One selector of the language, and what it implies about the packet.
struct Field {
  std::string_view layer;  ///< "ip", "tcp", "meta"; empty where one word is enough
  std::string_view name;   ///< "saddr", "dport"
  Dimension dimension = Dimension::state;
  ValueType type = ValueType::number;
  std::uint8_t family = 0;    ///< 4 or 6: only packets of it match; 0: either
  std::uint8_t protocol = 0;  ///< only packets of it match; 0: any
  bool needs_ports = false;   ///< the rule must say before that the protocol has ports
};

/// Finds "ip" "saddr", or a field of one word with an empty layer. nullptr: none.
[[nodiscard]] const Field* find_field(std::string_view layer, std::string_view name);
/// Does any field begin with this layer?
[[nodiscard]] bool is_layer(std::string_view word);
/// "saddr, daddr, protocol, ttl, dscp": what a layer offers, for errors.
[[nodiscard]] std::string names_in_layer(std::string_view layer);

/// The number of a word such as "ssh", "tcp", "echo-request", "established", "syn", "cs1".
[[nodiscard]] std::optional<std::uint32_t> named_value(ValueType type, std::string_view word);
/// The type behind `type WORD` of a set. Nothing: no type of sets here.
[[nodiscard]] std::optional<ValueType> set_type(std::string_view word);
/// What a value of the type is, in an error: "an IPv4 address".
[[nodiscard]] std::string_view describe(ValueType type);

/// Why a word of nftables is refused here, and what to do; nullptr for words that it does not know.
struct Refusal {
  std::string_view word;
  std::string_view fix;
};
[[nodiscard]] const Refusal* find_refusal(std::string_view word);

}  // namespace sluice::firewall
