/// What the agent asks of the running data plane.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/model/problems.hpp"
#include "dataplane/agent/samples.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::agent {

/// Implemented by the process, and by tests. All calls come from the control thread.
class Plane {
 public:
  virtual ~Plane() = default;

  /// Puts a state into force. Empty: it is; otherwise everything wrong with it, and nothing has
  /// changed. `places`, where known, adds files and lines to the problems.
  [[nodiscard]] virtual std::vector<v1::Problem> apply(const v1::Snapshot& snapshot,
                                                       const model::Places* places) = 0;
  /// Puts into force what checks have decided about backends of the live state. It stays when
  /// another state comes that checks them.
  virtual void set_health(const v1::Health& health) = 0;
  /// What is known of the backends of the live state.
  [[nodiscard]] virtual v1::Health health() = 0;
  [[nodiscard]] virtual std::vector<v1::PortFact> ports() = 0;
  virtual void sample(Samples& samples) = 0;
  /// Why it does not work as it should; empty if it does.
  [[nodiscard]] virtual std::string trouble() = 0;

  /// Begins to answer; results come out of `take_results`, the last one marked so.
  virtual void ask(const v1::Query& query) = 0;
  /// Begins or ends a trace; its packets come out of `take_results`.
  virtual void trace(const v1::Trace& trace) = 0;
  virtual void stop_trace(std::uint64_t id) = 0;
  using Sink = std::function<void(v1::FromDataplane)>;
  virtual void take_results(const Sink& sink) = 0;
};

}  // namespace sluice::agent
