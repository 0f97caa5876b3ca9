/// The parts of resolve(): one message each, turned into its answer in place or taken note of.
#pragma once

#include "dataplane/packet/context.hpp"
#include "dataplane/route/neighbours.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

/// What became of a message: answered (ready to leave by in_port), or dropped with the reason.
struct Outcome {
  Verdict verdict = Verdict::dropped;
  DropReason reason = DropReason::neighbour_noted;
};

[[nodiscard]] inline Outcome dropped(DropReason reason) {
  return {Verdict::dropped, reason};
}
[[nodiscard]] inline Outcome answered() {
  return {Verdict::answered, DropReason::none};
}

/// RFC 826 with the care of RFC 5227. parse made sure of the 28 bytes.
[[nodiscard]] Outcome handle_arp(Context& context, const Table& table, Neighbours& neighbours,
                                 Packet& packet);

/// ICMPv6 types 133 to 137: RFC 4861.
[[nodiscard]] Outcome handle_discovery(Context& context, const Table& table, Neighbours& neighbours,
                                       Packet& packet);

}  // namespace sluice::route
