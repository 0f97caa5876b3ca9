/// Packets of flows that have a LocalEnd: full NAT, and PROXY headers in either kind of NAT.
#pragma once

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

/// What a new flow of the service keeps; `first` is its first packet.
[[nodiscard]] LocalEnd local_end_of(const Service& service, const Flow& flow, const Packet& first);

/// A client's packet, so that it goes from the flow's local end, if it has one, to its backend.
/// Anything but none: why it is to be dropped.
[[nodiscard]] DropReason to_backend(Packet& p, const Flow& flow, LocalEnd& end);
/// A backend's packet, so that it goes from the service to the client.
void to_client(Packet& p, const Flow& flow, LocalEnd& end);

}  // namespace sluice::balancer
