/// Packets of flows that have a LocalEnd: full NAT, and PROXY headers in either kind of NAT.
#pragma once

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

/// Local ends for one family at one backend, whose port has the address `way.source` and is shared
/// with the host unless the configuration names addresses of that family. Of size 0: there are
/// none.
[[nodiscard]] LocalPool pool_for(const LocalSource& source, bool v4, const Way& way);
/// Some end is in both.
[[nodiscard]] bool overlap(const LocalPool& a, const LocalPool& b);
/// Adds the mistakes in what a service says of local ends and PROXY headers; `where` names it.
void check_local(const ServiceSource& service, const std::string& where, const Ways& ways,
                 std::vector<Error>& errors);

/// What a new flow of the service keeps; `first` is its first packet.
[[nodiscard]] LocalEnd local_end_of(const Service& service, const Flow& flow, const Packet& first);

/// A client's packet, so that it goes from the flow's local end, if it has one, to its backend.
/// Anything but none: why it is to be dropped.
[[nodiscard]] DropReason to_backend(Packet& p, const Flow& flow, LocalEnd& end);
/// A backend's packet, so that it goes from the service to the client.
void to_client(Packet& p, const Flow& flow, LocalEnd& end);

}  // namespace sluice::balancer
