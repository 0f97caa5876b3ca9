/// What the targets of the packet path run against: two ports, routes, filter, services, a zone.
#pragma once

#include <memory>

#include "dataplane/packet/snapshot.hpp"

namespace sluice::fuzz {

inline constexpr PortId kWan = 0, kLan = 1, kHost = 2;
inline constexpr std::uint32_t kSlots = 1024;

/// Plain values of both families with something for every stage; seeds are written for them.
[[nodiscard]] Sources sources();

/// Compiled once and kept for the life of the process.
[[nodiscard]] std::shared_ptr<const Snapshot> snapshot();

/// The zone of sources() alone.
[[nodiscard]] std::shared_ptr<const dns::ZoneSet> zones();

}  // namespace sluice::fuzz
