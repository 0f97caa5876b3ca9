/// How much of a service's Maglev table a change moves: what new flows, and those whose state is
/// lost, would notice of it.
#pragma once

#include <cstdint>

#include "dataplane/balancer/source.hpp"

namespace sluice::balancer {

/// Parts of the hash space, 0 to 1. A backend is who it was if name, address and port are the same.
struct Disruption {
  double moved = 0;  ///< led to a backend and leads to another, or to none
  double least = 0;  ///< what shares by weight alone ask for: no table could move less
};

/// Between the tables of both for addresses of a family (0 is IPv4), whose sizes may differ. Builds
/// both: milliseconds.
[[nodiscard]] Disruption disruption(const ServiceSource& before, const ServiceSource& after,
                                    unsigned family);

}  // namespace sluice::balancer
