/// What operators ask of the balancer: nothing here is called for a packet of a port.
#pragma once

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

/// "opening", "established", ...
[[nodiscard]] const char* name_of(FlowState state);

/// "Maglev", "least connections", ...
[[nodiscard]] const char* name_of(Scheduler scheduler);
/// Who chooses the backend of such a packet, if it is of no flow that is known.
[[nodiscard]] Scheduler scheduler_for(const Service& service, const Packet& packet);

/// For a rehearsal in an empty table: takes over from `live` everything that decides what becomes
/// of a parsed packet. Returns the packet's own flow, which is in `flows`; null: there is none.
const Flow* borrow(const ServiceTable& services, const FlowTable& live, FlowTable& flows,
                   const Packet& packet, Ticks now);

}  // namespace sluice::balancer
