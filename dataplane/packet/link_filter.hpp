/// Ethernet addresses that are ours, and which frames are for the link itself.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/packet.hpp"

namespace sluice {

/// The Ethernet address of each port as a number, by PortId; 0: the port takes every frame.
using Stations = std::vector<std::uint64_t>;

/// The form in which Stations keeps an address.
[[nodiscard]] std::uint64_t station_of(const MacAddress& mac);

/// After parse: drops unicast frames for other stations, and returns the set of alive packets that
/// are ARP or neighbour discovery.
[[nodiscard]] std::uint64_t filter_link(const Stations& stations, Burst& burst);

}  // namespace sluice
