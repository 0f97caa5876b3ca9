/// What a run of path_bench is asked to measure.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/balancer/source.hpp"

namespace sluice::bench {

struct Load {
  std::string name = "forward";  ///< of the case
  std::uint32_t flows = 100'000;
  std::uint32_t fresh_percent = 0;  ///< packets of flows that never were before
  bool imix = false;                ///< 64, 590 and 1514 bytes as 7 to 4 to 1; else 64

  // Of case balance.
  balancer::Mode service_mode = balancer::Mode::nat;
  std::uint32_t services = 1;
  std::uint32_t backends = 16;  ///< of each service
};

}  // namespace sluice::bench
