/// The operators' end of the daemon: Control of control.proto over keeper and fleet.
#pragma once

#include <memory>
#include <string>

#include "control/daemon/fleet.hpp"
#include "control/daemon/keeper.hpp"

namespace grpc {
class Service;
}

namespace sluice::control {

/// Keeper and fleet outlive it.
[[nodiscard]] std::unique_ptr<grpc::Service> make_control_service(Keeper& keeper, Fleet& fleet,
                                                                  std::string version);

}  // namespace sluice::control
