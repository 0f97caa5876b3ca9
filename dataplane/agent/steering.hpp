/// Where states come from.
#pragma once

#include <vector>

#include "dataplane/runtime/clock.hpp"
#include "sluice/v1/problem.pb.h"

namespace sluice::agent {

/// A control daemon (Agent) or a file (FileSteering). Used by the control thread.
class Steering {
 public:
  virtual ~Steering() = default;

  /// Puts the first state into force, where there is one already. Not empty: the process should not
  /// go on, for these reasons.
  [[nodiscard]] virtual std::vector<v1::Problem> begin() = 0;
  /// Does what is due; never waits.
  virtual void turn(Nanoseconds now) = 0;
  /// The operator asked for it (SIGHUP).
  virtual void reload() = 0;
};

}  // namespace sluice::agent
