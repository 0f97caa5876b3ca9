/// What the whole path is measured with: a configuration and the packets for it.
#pragma once

#include <optional>

#include "bench/path/load.hpp"
#include "bench/path/stamped_queue.hpp"
#include "dataplane/packet/snapshot.hpp"

namespace sluice::bench {

struct Case {
  Sources sources;
  FlowStamp stamp;
};

/// "forward" (256 routes), "filter" (100 rules), "balance" or "dns" (10,000 names), over one port
/// of this Ethernet address. Nothing for another name.
[[nodiscard]] std::optional<Case> make_case(const Load& load, const MacAddress& mac);

}  // namespace sluice::bench
