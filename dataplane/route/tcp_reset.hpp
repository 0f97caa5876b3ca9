/// The answer of a port where nobody listens (RFC 9293 section 3.10.7.1).
#pragma once

#include "dataplane/packet/context.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

/// Turns a whole TCP segment into its reset, ready to leave by the port it came in by. False: it
/// may not be answered (a reset itself, a broadcast, a fragment, not TCP, or translated), and is
/// unchanged.
[[nodiscard]] bool make_tcp_reset(const Table& table, Packet& packet);

}  // namespace sluice::route
