#include "dataplane/route/neighbour_cache.hpp"

#include <algorithm>
#include <bit>

namespace sluice::route {

const char* name_of(NeighbourState state) {
  switch (state) {
    case NeighbourState::incomplete:
      return "incomplete";
    case NeighbourState::reachable:
      return "reachable";
    case NeighbourState::stale:
      return "stale";
    case NeighbourState::delay:
      return "delay";
    case NeighbourState::probe:
      return "probe";
    case NeighbourState::free:
      break;
  }
  return "free";
}

NeighbourCache::NeighbourCache(std::uint32_t capacity, const HashSeed& seed) : seed_(seed) {
  const std::uint32_t sets = std::bit_ceil(std::max(capacity, kWays) / kWays);
  tags_.resize(sets, Tags{.tag = {}});
  entries_.resize(std::size_t{sets} * kWays);
  set_mask_ = sets - 1;
}

const Neighbour* NeighbourCache::place_for(Nanoseconds now, const Probe& at) const {
  const Neighbour* best = nullptr;
  for (unsigned way = 0; way < kWays; ++way) {
    const Neighbour& entry = entries_[at.set * kWays + way];
    if (entry.state == NeighbourState::free) return &entry;
    const bool stale = entry.state == NeighbourState::stale ||
                       (entry.state == NeighbourState::reachable && entry.deadline <= now);
    if (!stale) continue;
    if (best == nullptr || entry.deadline < best->deadline) best = &entry;
  }
  return best;
}

Neighbour* NeighbourCache::insert(Nanoseconds now, PortId port, const IpAddress& address) {
  const Probe at = probe(port, address);
  auto* const best = const_cast<Neighbour*>(place_for(now, at));
  if (best == nullptr) return nullptr;
  if (best->state == NeighbourState::free) ++used_;
  const bool timed = best->timed;  // the list of timers may still name this place
  *best = Neighbour{};
  best->timed = timed;
  best->address = address;
  best->port = port;
  tags_[at.set].tag[index_of(*best) % kWays] = at.tag;
  return best;
}

void NeighbourCache::erase(Neighbour& entry) {
  --used_;
  const std::uint32_t index = index_of(entry);
  tags_[index / kWays].tag[index % kWays] = 0;
  const bool timed = entry.timed;
  entry = Neighbour{};
  entry.timed = timed;
}

}  // namespace sluice::route
