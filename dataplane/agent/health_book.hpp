/// What the control daemon's checks have decided about the backends of a state.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "dataplane/balancer/source.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::agent {

/// Knows every address of every backend that a state checks; all live until something else is said.
class HealthBook {
 public:
  /// What of this book holds for another state: what was said of the backends that it checks.
  [[nodiscard]] HealthBook kept_for(const v1::DesiredState& state) const;
  /// True: it says something new about a backend of the state.
  bool note(const v1::BackendHealth& said);
  /// Writes what is known into the services that the state was compiled to.
  void mark(balancer::ServiceSource& service) const;
  /// All of it, as a control daemon would say it; those that live and were never named as well.
  [[nodiscard]] v1::Health all() const;

 private:
  using Key = std::tuple<std::string, std::string, IpAddress>;  ///< service, backend, address
  std::map<Key, bool> lives_;
};

}  // namespace sluice::agent
