/// The balancer's stages. A ServiceTable is immutable and shared by all workers; a FlowTable
/// belongs to one.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/balancer/source.hpp"
#include "dataplane/packet/context.hpp"

namespace sluice::balancer {

class ServiceTable;
class FlowTable;

/// All mistakes of the source are found, not only the first.
[[nodiscard]] tl::expected<std::shared_ptr<const ServiceTable>, std::vector<Error>> compile(
    const Source& source, SlotRegistry& slots);

/// Before tracking: looks every packet up in the flow table, once. Replies of NAT backends get the
/// service's address back (kRestored), so that tracking and rules see both directions of what the
/// client sees; ICMP errors about such a flow get their inner header translated too.
void restore(Context& context, const ServiceTable& services, FlowTable& flows, Burst& burst);
/// After the filter: packets to a service (the route look-up said kService) go to their flow's
/// backend, or to the one Maglev chooses; kTranslated tells that the route must be looked up again.
void translate(Context& context, const ServiceTable& services, FlowTable& flows, Burst& burst);

}  // namespace sluice::balancer
