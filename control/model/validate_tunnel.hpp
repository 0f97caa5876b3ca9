/// The part of validation that is about tunnels to backends. Used by validate_network.cpp alone.
#pragma once

#include "control/model/problems.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// The mode leads in a tunnel to the backends.
[[nodiscard]] bool is_tunnel(v1::Service::Mode mode);

/// Tunnels: only where the mode has one; sources of one address or prefix a family, that are nobody
/// else's; and, where none is given, a port with an address of the outer header's family.
void check_tunnels(const v1::DesiredState& state, Problems& problems);

}  // namespace sluice::model
