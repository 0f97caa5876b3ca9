/// A state with something for every stage: two ports, routes, filter, services, a zone.
#pragma once

#include <memory>

#include "dataplane/packet/snapshot.hpp"

namespace sluice::test {

inline constexpr PortId kWan = 0, kLan = 1, kHost = 2;
inline constexpr std::uint32_t kWorldSlots = 1024;

/// Plain values of both families. Tables are small, so that tests fill them.
[[nodiscard]] Sources world_sources();

/// Compiled once and kept for the life of the process.
[[nodiscard]] std::shared_ptr<const Snapshot> world_snapshot();

/// The zone of world_sources() alone.
[[nodiscard]] std::shared_ptr<const dns::ZoneSet> world_zones();

}  // namespace sluice::test
