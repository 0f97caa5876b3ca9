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

/// All mistakes of the source are found, not only the first. `ways` tells of the routes of the same
/// configuration, for tunnels; without it every way is Way{}. Tables that `before` has the same are
/// shared with it: they are nearly all of the work.
[[nodiscard]] tl::expected<std::shared_ptr<const ServiceTable>, std::vector<Error>> compile(
    const Source& source, SlotRegistry& slots, const Ways& ways = {},
    const ServiceTable* before = nullptr);

/// Before tracking: looks every packet up in the flow table, once. Replies of NAT backends get the
/// service's address back (kRestored), so that tracking and rules see both directions of what the
/// client sees; ICMP errors about such a flow get their inner header translated too. A reply whose
/// flow another worker owns gets Verdict::handed and Packet::handed_to. Returns the packets of
/// clients' flows: they are for a service, or for one that was.
std::uint64_t restore(Context& context, const ServiceTable& services, FlowTable& flows,
                      Burst& burst);
/// After the filter: the alive packets in `mask` (restore or the route look-up said so) go to their
/// flow's backend, or to the one Maglev chooses; kTranslated tells that the way is now that to
/// Packet::backend. What no service wants is dropped, unless it is ICMP or
/// in `shared`: packets whose address is also the host's or a name server's, left as they are.
/// Returns TCP packets whose flow would have to be known and is not: alive still, with reason
/// flow_unknown, to be answered with a reset.
std::uint64_t translate(Context& context, const ServiceTable& services, FlowTable& flows,
                        Burst& burst, std::uint64_t mask = ~std::uint64_t{0},
                        std::uint64_t shared = 0);

/// Packets that a tunnel cannot take and whose senders are to be told; still alive.
struct Unfit {
  std::uint64_t expired = 0;  ///< the TTL or hop limit ran out
  std::uint64_t too_big = 0;  ///< larger than mtu_within_tunnel(), and may not be fragmented
};
/// After the route look-up: puts the outer header in front of the alive packets in `mask`, which
/// translate marked kTunnel. From then on the packet is the outer one: offsets, key, TTL and flags.
/// IPv4 without DF that does not fit is dropped: nobody may be told, and nothing is fragmented
/// here.
[[nodiscard]] Unfit encapsulate(Context& context, const ServiceTable& services, Burst& burst,
                                std::uint64_t mask);
/// The largest packet that the tunnel takes to which translate assigned `packet`.
[[nodiscard]] std::uint16_t mtu_within_tunnel(const ServiceTable& services, const Packet& packet);

}  // namespace sluice::balancer
