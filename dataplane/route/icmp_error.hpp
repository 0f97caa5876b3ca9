/// ICMP and ICMPv6 errors, made in place of the packet that caused them.
#pragma once

#include "dataplane/packet/context.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

enum class IcmpError : std::uint8_t {
  net_unreachable,   ///< no route
  host_unreachable,  ///< the neighbour does not answer
  port_unreachable,
  ttl_exceeded,
  too_big,  ///< fragmentation needed in IPv4
};

struct IcmpTypeAndCode {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};
/// RFC 792, RFC 1812 section 5.2.7.1 and RFC 4443 section 3.
[[nodiscard]] IcmpTypeAndCode type_and_code(IcmpError error, std::uint8_t ip_version);

/// Bounds of an error message with what it quotes: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4.
inline constexpr unsigned kErrorMost4 = 576, kErrorMost6 = 1280;

/// Turns the packet into the error, ready to leave by the port it came in by. None: done.
/// icmp_rate: the limit of Context::icmp_errors is met. Otherwise `otherwise`: nobody may be told
/// (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e)): it is an error itself, a later fragment, a
/// broadcast, or from nowhere, or its addresses were translated and its sender would not know it.
/// `mtu` is for too_big.
[[nodiscard]] DropReason make_icmp_error(Context& context, const Table& table, Packet& packet,
                                         IcmpTypeAndCode error, DropReason otherwise,
                                         std::uint16_t mtu = 0);

/// The same for a packet of a burst: answered, or dropped.
void answer_with_error(Context& context, const Table& table, Burst& burst, unsigned i,
                       IcmpError error, DropReason otherwise, std::uint16_t mtu = 0);

/// The end of a packet whose neighbour never answered: the error goes out through the emitter, or
/// the packet is released; either is counted.
void finish_unresolved(Context& context, const Table& table, Packet& packet);

}  // namespace sluice::route
