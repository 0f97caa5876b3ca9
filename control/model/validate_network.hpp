/// The part of validation that is about addresses. Malformed ones are passed over here: the marks
/// of their fields already complain. Used by validate.cpp alone.
#pragma once

#include "control/model/problems.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// Addresses of ports: none twice, no segment at two ports, neighbours named once.
void check_ports(const v1::DesiredState& state, Problems& problems);
/// Routes: one way to go each, through a router that a port reaches, no prefix twice.
void check_routes(const v1::DesiredState& state, Problems& problems);
/// Services and name servers: no address, protocol and port twice, backends that fit.
void check_services(const v1::DesiredState& state, Problems& problems);

}  // namespace sluice::model
