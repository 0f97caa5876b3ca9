/// A rehearsal in words, for operators. Never used by a worker.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/names.hpp"
#include "dataplane/packet/why.hpp"

namespace sluice {

/// As steps_of() a trace, with what the tables and the configuration say about each decision.
/// `snapshot` is the one that the packet met; `query` is the DNS message in it, if it has one.
[[nodiscard]] std::vector<StepText> steps_of(const Rehearsal& rehearsal, const Snapshot& snapshot,
                                             std::span<const std::uint8_t> query);

/// What a packet is answered with: "ICMP error, network unreachable", "TCP reset", "echo reply",
/// "example.test. SOA: zone example.test., NOERROR"; empty if it is not answered.
[[nodiscard]] std::string answer_of(const Rehearsal& rehearsal, const Snapshot& snapshot,
                                    std::span<const std::uint8_t> query);

/// "reachable, 12 s left"; without the time where a state does not end by itself.
[[nodiscard]] std::string with_time_left(const std::string& state, Nanoseconds left);

}  // namespace sluice
