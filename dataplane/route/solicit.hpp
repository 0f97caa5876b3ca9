/// Frames of our own: ARP requests, neighbour and router solicitations. Without a free buffer
/// nothing is sent; the caller's timer tries again.
#pragma once

#include "dataplane/packet/context.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

/// Asks for the Ethernet address of `target`: of everybody, or of `to` alone (a probe).
void send_solicitation(Context& context, const Table& table, PortId port, const IpAddress& target,
                       const MacAddress* to);

/// RFC 4861 section 4.1, from the port's link-local address.
void send_router_solicitation(Context& context, const Table& table, PortId port);

}  // namespace sluice::route
