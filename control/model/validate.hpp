/// What fields cannot say alone: whether a state makes sense as a whole.
#pragma once

#include "control/model/problems.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// Adds every problem of the state: values against the marks of their fields, references, names and
/// addresses used twice, families and ports that do not fit; and, when nothing of that is wrong,
/// what the data plane's own compilers refuse. `places`, where known, lets them name files and
/// lines.
void validate(const v1::DesiredState& state, Problems& problems, const Places* places = nullptr);

}  // namespace sluice::model
