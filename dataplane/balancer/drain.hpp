/// The end of flows whose backend has drained for as long as it may.
#pragma once

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/packet/context.hpp"

namespace sluice::balancer {

/// Counts the end of such a flow, once.
void count_end(Context& context, const Service& service, const Flow& flow);

/// Takes a packet of such a flow, of either end, that begins nothing new. True: it goes on, as the
/// reset that tells its receiver, and its sender has been told the same. False: it is dropped;
/// nothing is told where replies bypass us or there is no connection (UDP). The flow is over, and
/// counted with its first such packet.
[[nodiscard]] bool end_flow(Context& context, const Service& service, FlowTable& flows,
                            Burst& burst, unsigned i, std::uint32_t flow_index);

}  // namespace sluice::balancer
