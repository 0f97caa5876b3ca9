#include "dataplane/packet/protocol.hpp"

#include <charconv>

namespace sluice {
namespace {

struct Named {
  std::string_view name;
  std::uint8_t number;
};
/// The first name of a number is the one that is shown.
constexpr Named kNames[] = {{"tcp", ip_protocol::kTcp},      {"udp", ip_protocol::kUdp},
                            {"icmp", ip_protocol::kIcmp},    {"icmp6", ip_protocol::kIcmp6},
                            {"icmpv6", ip_protocol::kIcmp6}, {"sctp", ip_protocol::kSctp},
                            {"ipip", ip_protocol::kIpv4},    {"ipv6", ip_protocol::kIpv6}};

}  // namespace

Result<std::uint8_t> protocol_by_name(std::string_view name) {
  for (const Named& named : kNames)
    if (named.name == name) return named.number;
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (!name.empty() && error == std::errc() && end == name.data() + name.size()) return number;
  return fail("'" + std::string(name) + "' is no protocol", {},
              "use tcp, udp, icmp, icmp6, sctp or a number up to 255");
}

std::string protocol_name(std::uint8_t protocol) {
  for (const Named& named : kNames)
    if (named.number == protocol) return std::string(named.name);
  return "protocol " + std::to_string(protocol);
}

}  // namespace sluice
