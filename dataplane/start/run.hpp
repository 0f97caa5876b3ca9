/// From a checked configuration to a running data plane and to its orderly end.
#pragma once

#include "dataplane/runtime/result.hpp"
#include "dataplane/start/node_proto.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::start {

/// Runs until SIGTERM or SIGINT. `initial` is the state that is known already, by which tables and
/// ports are sized. Error: something that is needed is missing; nothing was left behind.
[[nodiscard]] Result<void> run(const v1::DataplaneConfig& config, const v1::DesiredState& initial);

}  // namespace sluice::start
