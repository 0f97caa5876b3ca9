/// Which frames are for other stations, and which for the link itself.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.hpp"
#include "dataplane/packet/station.hpp"

namespace sluice {

/// After parse, which says which packets are plain: of the others, drops unicast frames for other
/// stations, and returns the set of alive packets that are ARP or neighbour discovery.
[[nodiscard]] std::uint64_t filter_link(const Stations& stations, Burst& burst,
                                        std::uint64_t plain);

}  // namespace sluice
