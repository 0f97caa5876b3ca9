/// The node's configuration file: read, checked, and turned into what the rooms below take.
#pragma once

#include <string>
#include <vector>

#include "control/model/problems.hpp"
#include "dataplane/nic/eal.hpp"
#include "dataplane/nic/port_modes.hpp"
#include "dataplane/runtime/idle.hpp"
#include "dataplane/start/node_proto.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::start {

/// Reads the file at `path` into `config`, defaults filled in. Everything that is wrong with it is
/// returned: unknown fields and values, and what does not fit together.
[[nodiscard]] model::Problems read_config(const std::string& path, v1::DataplaneConfig& config);

/// What does not fit together, in a config whose single fields are right. Part of read_config.
void check_config(const v1::DataplaneConfig& config, model::Problems& problems);

/// The state that is known before anything is started: of the desired state's file, or the last
/// snapshot on disk. Only the file's mistakes are problems: a control daemon may mend the snapshot.
struct InitialState {
  v1::DesiredState state;
  std::vector<v1::Problem> problems;
};
[[nodiscard]] InitialState read_initial_state(const v1::DataplaneConfig& config);

/// The ports in their order, with the MTU that the state gives them, and the exception TAP after
/// them where there is one.
[[nodiscard]] std::vector<nic::PortSpec> port_specs(const v1::DataplaneConfig& config,
                                                    const v1::DesiredState& initial);

[[nodiscard]] IdleLimits idle_limits(const v1::DataplaneConfig& config);

}  // namespace sluice::start
