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
/// client sees; ICMP errors about such a flow get their inner header translated too. A reply whose
/// flow another worker owns gets Verdict::handed and Packet::handed_to.
void restore(Context& context, const ServiceTable& services, FlowTable& flows, Burst& burst);
/// After the filter: the alive packets in `mask` (the route look-up said kService) go to their
/// flow's backend, or to the one Maglev chooses; kTranslated tells that the route must be looked up
/// again, for Packet::via where it is set. What no service wants is dropped, unless it is ICMP or
/// in `shared`: packets whose address is also the host's or a name server's, left as they are.
void translate(Context& context, const ServiceTable& services, FlowTable& flows, Burst& burst,
               std::uint64_t mask = ~std::uint64_t{0}, std::uint64_t shared = 0);

}  // namespace sluice::balancer
