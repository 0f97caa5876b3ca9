/// What the fields of a health check cannot say alone: times that fit, requests that can be sent.
#pragma once

#include "control/model/problems.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// Every mistake in the health checks of all services.
void check_health_checks(const v1::DesiredState& state, Problems& problems);

}  // namespace sluice::model
