/// /metrics for Prometheus: what the data planes report, and what the daemon itself counts.
#pragma once

#include <memory>
#include <string>

#include "control/daemon/fleet.hpp"
#include "control/daemon/keeper.hpp"
#include "control/health/checker.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::control {

/// Serves until it is destroyed.
class MetricsServer {
 public:
  virtual ~MetricsServer() = default;
};

/// `address` as in ControlConfig.metrics. What it shows outlives it. Error: cannot listen there.
[[nodiscard]] Result<std::unique_ptr<MetricsServer>> serve_metrics(const std::string& address,
                                                                   Keeper& keeper, Fleet& fleet,
                                                                   const health::Checker& checker,
                                                                   std::string version);

}  // namespace sluice::control
