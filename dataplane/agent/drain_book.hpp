/// Since when the backends of a state have been draining.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "dataplane/balancer/source.hpp"

namespace sluice::agent {

/// A backend drains from the first state in force in which its weight is 0 until one comes in which
/// it is not: states between that still drain it do not begin it anew. A restart does.
class DrainBook {
 public:
  /// The book for a state that comes into force at `now`; writes the times into its services.
  [[nodiscard]] DrainBook next(balancer::Source& source, Nanoseconds now) const;

 private:
  using Key = std::pair<std::string, std::string>;  ///< service, backend
  std::map<Key, Nanoseconds> since_;
};

}  // namespace sluice::agent
