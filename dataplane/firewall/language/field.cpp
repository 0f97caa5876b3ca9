#include "dataplane/firewall/language/field.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "dataplane/packet/packet.hpp"

namespace sluice::firewall {
namespace {

using ip_protocol::kIcmp, ip_protocol::kIcmp6, ip_protocol::kTcp, ip_protocol::kUdp;
using D = Dimension;
using V = ValueType;

constexpr std::array kFields{
    Field{"ip", "saddr", D::source4, V::ipv4_address, 4},
    Field{"ip", "daddr", D::destination4, V::ipv4_address, 4},
    Field{"ip", "protocol", D::protocol, V::protocol, 4},
    Field{"ip", "ttl", D::ttl, V::number, 4},
    Field{"ip", "dscp", D::dscp, V::dscp, 4},
    Field{"ip6", "saddr", D::source6, V::ipv6_address, 6},
    Field{"ip6", "daddr", D::destination6, V::ipv6_address, 6},
    Field{"ip6", "nexthdr", D::next_header, V::protocol, 6},
    Field{"ip6", "hoplimit", D::ttl, V::number, 6},
    Field{"ip6", "dscp", D::dscp, V::dscp, 6},
    Field{"tcp", "sport", D::source_port, V::port, 0, kTcp},
    Field{"tcp", "dport", D::destination_port, V::port, 0, kTcp},
    Field{"tcp", "flags", D::tcp_flags, V::tcp_flags, 0, kTcp},
    Field{"udp", "sport", D::source_port, V::port, 0, kUdp},
    Field{"udp", "dport", D::destination_port, V::port, 0, kUdp},
    Field{"th", "sport", D::source_port, V::port, 0, 0, true},
    Field{"th", "dport", D::destination_port, V::port, 0, 0, true},
    Field{"icmp", "type", D::icmp_type, V::icmp_type, 4, kIcmp},
    Field{"icmp", "code", D::icmp_code, V::number, 4, kIcmp},
    Field{"icmpv6", "type", D::icmp_type, V::icmp6_type, 6, kIcmp6},
    Field{"icmpv6", "code", D::icmp_code, V::number, 6, kIcmp6},
    Field{"ct", "state", D::state, V::state},
    Field{"meta", "l4proto", D::protocol, V::protocol},
    Field{"meta", "nfproto", D::family, V::family},
    Field{"meta", "protocol", D::family, V::ether_type},
    Field{"meta", "iifname", D::in_port, V::interface},
    Field{"meta", "iif", D::in_port, V::interface},
    Field{"", "iifname", D::in_port, V::interface},
    Field{"", "iif", D::in_port, V::interface},
};

struct Named {
  std::string_view word;
  std::uint32_t value;
};

/// The services of /etc/services that rule sets name; others are written as numbers.
constexpr std::array kServices{
    Named{"bgp", 179},          Named{"bootpc", 68},       Named{"bootps", 67},
    Named{"domain", 53},        Named{"ftp", 21},          Named{"ftp-data", 20},
    Named{"http", 80},          Named{"https", 443},       Named{"imap2", 143},
    Named{"imaps", 993},        Named{"ipp", 631},         Named{"isakmp", 500},
    Named{"ldap", 389},         Named{"ldaps", 636},       Named{"mysql", 3306},
    Named{"nfs", 2049},         Named{"ntp", 123},         Named{"pop3", 110},
    Named{"pop3s", 995},        Named{"postgresql", 5432}, Named{"redis", 6379},
    Named{"smtp", 25},          Named{"snmp", 161},        Named{"snmp-trap", 162},
    Named{"ssh", 22},           Named{"submission", 587},  Named{"sunrpc", 111},
    Named{"syslog", 514},       Named{"telnet", 23},       Named{"tftp", 69},
    Named{"xmpp-client", 5222},
};
constexpr std::array kProtocols{
    Named{"ah", 51},        Named{"comp", 108}, Named{"dccp", 33},   Named{"esp", 50},
    Named{"gre", 47},       Named{"icmp", 1},   Named{"icmpv6", 58}, Named{"igmp", 2},
    Named{"ipv6-icmp", 58}, Named{"sctp", 132}, Named{"tcp", 6},     Named{"udp", 17},
    Named{"udplite", 136},
};
constexpr std::array kIcmpTypes{
    Named{"echo-reply", 0},           Named{"destination-unreachable", 3},
    Named{"source-quench", 4},        Named{"redirect", 5},
    Named{"echo-request", 8},         Named{"router-advertisement", 9},
    Named{"router-solicitation", 10}, Named{"time-exceeded", 11},
    Named{"parameter-problem", 12},   Named{"timestamp-request", 13},
    Named{"timestamp-reply", 14},     Named{"info-request", 15},
    Named{"info-reply", 16},          Named{"address-mask-request", 17},
    Named{"address-mask-reply", 18},
};
constexpr std::array kIcmp6Types{
    Named{"destination-unreachable", 1}, Named{"packet-too-big", 2},
    Named{"time-exceeded", 3},           Named{"parameter-problem", 4},
    Named{"echo-request", 128},          Named{"echo-reply", 129},
    Named{"mld-listener-query", 130},    Named{"mld-listener-report", 131},
    Named{"mld-listener-done", 132},     Named{"mld-listener-reduction", 132},
    Named{"nd-router-solicit", 133},     Named{"nd-router-advert", 134},
    Named{"nd-neighbor-solicit", 135},   Named{"nd-neighbor-advert", 136},
    Named{"nd-redirect", 137},           Named{"router-renumbering", 138},
    Named{"ind-neighbor-solicit", 141},  Named{"ind-neighbor-advert", 142},
    Named{"mld2-listener-report", 143},
};
constexpr std::array kFamilies{Named{"ipv4", 4}, Named{"ipv6", 6}};
constexpr std::array kEtherTypes{Named{"ip", 4}, Named{"ip6", 6}};
constexpr std::array kStates{
    Named{"untracked", static_cast<std::uint32_t>(ConnectionState::untracked)},
    Named{"new", static_cast<std::uint32_t>(ConnectionState::fresh)},
    Named{"established", static_cast<std::uint32_t>(ConnectionState::established)},
    Named{"related", static_cast<std::uint32_t>(ConnectionState::related)},
    Named{"invalid", static_cast<std::uint32_t>(ConnectionState::invalid)},
};
constexpr std::array kTcpFlags{Named{"fin", 1},  Named{"syn", 2},  Named{"rst", 4},
                               Named{"psh", 8},  Named{"ack", 16}, Named{"urg", 32},
                               Named{"ecn", 64}, Named{"cwr", 128}};
constexpr std::array kDscp{
    Named{"cs0", 0},   Named{"cs1", 8},   Named{"cs2", 16},  Named{"cs3", 24},  Named{"cs4", 32},
    Named{"cs5", 40},  Named{"cs6", 48},  Named{"cs7", 56},  Named{"df", 0},    Named{"be", 0},
    Named{"af11", 10}, Named{"af12", 12}, Named{"af13", 14}, Named{"af21", 18}, Named{"af22", 20},
    Named{"af23", 22}, Named{"af31", 26}, Named{"af32", 28}, Named{"af33", 30}, Named{"af41", 34},
    Named{"af42", 36}, Named{"af43", 38}, Named{"ef", 46},   Named{"va", 44},
};

std::span<const Named> words_of(ValueType type) {
  switch (type) {
    case V::port:
      return kServices;
    case V::protocol:
      return kProtocols;
    case V::icmp_type:
      return kIcmpTypes;
    case V::icmp6_type:
      return kIcmp6Types;
    case V::family:
      return kFamilies;
    case V::ether_type:
      return kEtherTypes;
    case V::state:
      return kStates;
    case V::tcp_flags:
      return kTcpFlags;
    case V::dscp:
      return kDscp;
    default:
      return {};
  }
}

constexpr std::string_view kNoTranslation = "addresses are translated by Service documents";
constexpr std::string_view kNoLimit = "remove it; limits are not offered";
constexpr std::string_view kNoMatch = "remove it; this match is not offered";
constexpr std::array kRefusals{
    Refusal{"log", "use `sluice trace`, or a counter"},
    Refusal{"limit", kNoLimit},
    Refusal{"quota", kNoLimit},
    Refusal{"meter", kNoLimit},
    Refusal{"queue", "remove it; packets are not handed to other programs"},
    Refusal{"dnat", kNoTranslation},
    Refusal{"snat", kNoTranslation},
    Refusal{"masquerade", kNoTranslation},
    Refusal{"redirect", kNoTranslation},
    Refusal{"tproxy", kNoTranslation},
    Refusal{"notrack", "remove it; tracking cannot be left out by rule"},
    Refusal{"dup", "use `sluice capture`"},
    Refusal{"fwd", "use a Route document"},
    Refusal{"set", "remove it; sets are not changed by rules"},
    Refusal{"add", "remove it; sets are not changed by rules"},
    Refusal{"update", "remove it; sets are not changed by rules"},
    Refusal{"delete", "remove it; sets are not changed by rules"},
    Refusal{"map", "use vmap { VALUE : VERDICT }"},
    Refusal{"flow", "remove it; every connection takes the fast path"},
    Refusal{"synproxy", "remove it; it is not offered"},
    Refusal{"oifname", "match addresses; the way out is chosen after the filter"},
    Refusal{"oif", "match addresses; the way out is chosen after the filter"},
    Refusal{"iiftype", kNoMatch},
    Refusal{"ether", kNoMatch},
    Refusal{"vlan", kNoMatch},
    Refusal{"arp", kNoMatch},
    Refusal{"fib", kNoMatch},
    Refusal{"rt", kNoMatch},
    Refusal{"socket", kNoMatch},
    Refusal{"osf", kNoMatch},
    Refusal{"mark", kNoMatch},
    Refusal{"numgen", kNoMatch},
    Refusal{"jhash", kNoMatch},
    Refusal{"symhash", kNoMatch},
    Refusal{"exthdr", kNoMatch},
    Refusal{"frag", kNoMatch},
    Refusal{"hbh", kNoMatch},
    Refusal{"rt0", kNoMatch},
    Refusal{"dst", kNoMatch},
    Refusal{"mh", kNoMatch},
    Refusal{"ah", kNoMatch},
    Refusal{"esp", kNoMatch},
    Refusal{"comp", kNoMatch},
    Refusal{"sctp", kNoMatch},
    Refusal{"dccp", kNoMatch},
    Refusal{"udplite", kNoMatch},
    Refusal{"igmp", kNoMatch},
};

}  // namespace

const Field* find_field(std::string_view layer, std::string_view name) {
  const auto found = std::find_if(kFields.begin(), kFields.end(), [&](const Field& field) {
    return field.layer == layer && field.name == name;
  });
  return found == kFields.end() ? nullptr : &*found;
}

bool is_layer(std::string_view word) {
  return !word.empty() && std::any_of(kFields.begin(), kFields.end(),
                                      [&](const Field& field) { return field.layer == word; });
}

std::string names_in_layer(std::string_view layer) {
  std::string out;
  for (const Field& field : kFields) {
    if (field.layer != layer) continue;
    if (!out.empty()) out += ", ";
    out += field.name;
  }
  return out;
}

std::optional<std::uint32_t> named_value(ValueType type, std::string_view word) {
  for (const Named& named : words_of(type))
    if (named.word == word) return named.value;
  return std::nullopt;
}

std::optional<ValueType> set_type(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, ValueType>, 7> kTypes{{
      {"ipv4_addr", V::ipv4_address},
      {"ipv6_addr", V::ipv6_address},
      {"inet_service", V::port},
      {"inet_proto", V::protocol},
      {"ifname", V::interface},
      {"icmp_type", V::icmp_type},
      {"icmpv6_type", V::icmp6_type},
  }};
  for (const auto& [name, type] : kTypes)
    if (name == word) return type;
  return std::nullopt;
}

std::string_view describe(ValueType type) {
  switch (type) {
    case V::ipv4_address:
      return "an IPv4 address";
    case V::ipv6_address:
      return "an IPv6 address";
    case V::port:
      return "a port number or service name";
    case V::protocol:
      return "a protocol number or name";
    case V::icmp_type:
      return "an ICMP type";
    case V::icmp6_type:
      return "an ICMPv6 type";
    case V::interface:
      return "the name of a port";
    case V::family:
      return "ipv4 or ipv6";
    case V::ether_type:
      return "ip or ip6";
    case V::state:
      return "new, established, related, invalid or untracked";
    case V::tcp_flags:
      return "fin, syn, rst, psh, ack, urg, ecn or cwr";
    case V::dscp:
      return "a DSCP class or number";
    case V::number:
      break;
  }
  return "a number";
}

const Refusal* find_refusal(std::string_view word) {
  const auto found = std::find_if(kRefusals.begin(), kRefusals.end(),
                                  [&](const Refusal& refusal) { return refusal.word == word; });
  return found == kRefusals.end() ? nullptr : &*found;
}

}  // namespace sluice::firewall
