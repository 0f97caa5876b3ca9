/// The part of validation that is about full NAT and PROXY headers. Used by validate_network.cpp
/// alone.
#pragma once

#include "control/model/problems.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// Local addresses and ports: only in mode FULL_NAT, of the balancer alone, not too many, and of
/// each family that backends have, where no port has one. PROXY headers: only TCP whose replies
/// pass here.
void check_local_ends(const v1::DesiredState& state, Problems& problems);

}  // namespace sluice::model
