/// Where the daemon listens: the unix socket of the operators and data planes of this host, and TCP
/// with mutual TLS.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/runtime/result.hpp"
#include "sluice/v1/node.pb.h"

namespace grpc {
class Service;
}

namespace sluice::control {

/// A running server; ends in order when destroyed.
class Server {
 public:
  virtual ~Server() = default;
  /// No new calls; those that are under way get `seconds`, then they are cancelled.
  virtual void stop(unsigned seconds) = 0;
};

/// Listens as the configuration says. The socket is for its owner and group ("sluice" where that
/// group exists), 0660. Error: an address in use, a second instance, a certificate that cannot be
/// read.
[[nodiscard]] Result<std::unique_ptr<Server>> listen(
    const v1::ControlConfig& config, std::vector<std::unique_ptr<grpc::Service>> services);

}  // namespace sluice::control
