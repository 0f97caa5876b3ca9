/// The data planes' end of the daemon: Steering of steering.proto over the fleet.
#pragma once

#include <memory>

#include "control/daemon/fleet.hpp"

namespace grpc {
class Service;
}

namespace sluice::control {

/// The fleet outlives it.
[[nodiscard]] std::unique_ptr<grpc::Service> make_steering_service(Fleet& fleet);

}  // namespace sluice::control
