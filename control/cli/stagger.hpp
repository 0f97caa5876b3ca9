/// `apply --stagger`: a change in steps with pauses between them.
#pragma once

#include "control/cli/invocation.hpp"
#include "control/model/problems.hpp"
#include "dataplane/runtime/clock.hpp"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {

/// Asks for a step after another until the whole change is in force, a line each; ends early by
/// SIGINT or SIGTERM, by a refusal, and where steps get no further. `places` turns paths into
/// lines.
[[nodiscard]] Exit apply_in_steps(const Invocation& invocation, v1::ApplyRequest request,
                                  Nanoseconds pause, const model::Places& places);

/// Those that a dry run foresees, a line each.
void print_steps(const v1::ApplyResponse& response);

}  // namespace sluice::cli
