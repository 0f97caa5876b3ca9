/// What comes back about packets in tunnels: errors of the routers on the way, and answers to
/// handshakes that pass here.
#pragma once

#include "dataplane/balancer/service_table.hpp"
#include "dataplane/packet/context.hpp"

namespace sluice::balancer {

/// Before tracking. ICMP errors that quote an outer header of ours become errors to the client
/// about the packet that it sent, from the service's address (RFC 2003 section 4, RFC 2473 section
/// 8; kRestored): too big with the tunnel's overhead less, everything else as host unreachable.
/// What quotes too little, says nothing for the client or has no service is dropped as
/// tunnel_error; above the rate of Context::icmp_errors as icmp_rate. The segment size that a
/// SYN-ACK of a service announces is lowered to what fits its tunnels.
void restore_tunnels(Context& context, const ServiceTable& services, Burst& burst);

}  // namespace sluice::balancer
