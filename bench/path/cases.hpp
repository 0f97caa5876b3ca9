/// What the whole path is measured with: a configuration and the packets for it.
#pragma once

#include <optional>
#include <string_view>

#include "bench/path/stamped_queue.hpp"
#include "dataplane/packet/snapshot.hpp"

namespace sluice::bench {

struct Case {
  Sources sources;
  FlowStamp stamp;
};

/// "forward" (256 routes), "filter" (100 rules), "balance" (16 backends, NAT) or "dns" (10,000
/// names), over one port of this Ethernet address. Nothing for another name.
[[nodiscard]] std::optional<Case> make_case(std::string_view name, std::uint32_t flows,
                                            const MacAddress& mac);

}  // namespace sluice::bench
