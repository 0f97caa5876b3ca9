/// A change in steps, none of which moves more of a service's table than its max_disruption.
#pragma once

#include <vector>

#include "control/model/preview.hpp"
#include "control/model/problems.hpp"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

struct Step {
  v1::DesiredState state;  ///< to put in force
  v1::StaggerStep said;
};

/// The largest part of the way from a state to another that the guards of the other's services
/// allow. Shares of backends go straight from the old to the new; backends that go stay until they
/// have weight 0, and leave with the step after; all else is as wanted at once. It looks at nothing
/// but the state in force, so that each step may begin where something else has led. Problems, with
/// which the step means nothing: a part that cannot be divided moves too much, or no weights move
/// little enough. Both states are valid. Builds some twenty tables for a service that does not go
/// in one.
[[nodiscard]] Step next_step(const v1::DesiredState& before, const v1::DesiredState& wanted,
                             const Unhealthy& unhealthy, Problems& problems);

/// All steps, if health stays as it is; up to the one that finds problems.
[[nodiscard]] std::vector<v1::StaggerStep> all_steps(const v1::DesiredState& before,
                                                     const v1::DesiredState& wanted,
                                                     const Unhealthy& unhealthy,
                                                     Problems& problems);

/// "Service/web: 19.8 % of the table, 28.5 % left" for each service of the step.
[[nodiscard]] std::string text_of(const v1::StaggerStep& step);

}  // namespace sluice::model
