/// How many flows the data planes have, asked of all that are connected.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "control/daemon/fleet.hpp"
#include "control/model/preview.hpp"

namespace sluice::control {

struct FlowsNow {
  model::FlowCounts counts;         ///< over all that answered
  std::vector<std::string> silent;  ///< connected, but gave no answer
};

/// Waits for the answers, not longer than `patience`. Not to be called under a lock that messages
/// of data planes need.
[[nodiscard]] FlowsNow count_flows(Fleet& fleet, std::chrono::milliseconds patience);

}  // namespace sluice::control
