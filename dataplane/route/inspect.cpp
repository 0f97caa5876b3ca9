// What operators ask of the neighbours: nothing here is called for a packet of a port.
#include "dataplane/route/neighbours.hpp"

namespace sluice::route {

const Neighbour* Neighbours::borrow(const Neighbours& live, const Table& table,
                                    const Packet& packet, Nanoseconds now) {
  unresolved_ = live.unresolved_;
  const NextHop& hop = table.next_hop(packet.next_hop);
  if (hop.kind == RouteKind::gateway) return borrow_entry(live, hop.port, hop.gateway, now);
  if (hop.kind == RouteKind::connected) {
    return borrow_entry(live, hop.port,
                        packet.via != nullptr ? *packet.via : packet.key.destination, now);
  }
  if (hop.kind != RouteKind::none || packet.ip_version != 6) return nullptr;
  routers_ = live.routers_;
  const Router* router = live.default_router(now, table);
  if (router == nullptr) return nullptr;
  // That one is chosen again: it is the only one with an entry, or the first of those without.
  return borrow_entry(live, router->port, router->address, now);
}

const Neighbour* Neighbours::borrow_entry(const Neighbours& live, PortId port,
                                          const IpAddress& address, Nanoseconds now) {
  const Neighbour* known = live.cache_.find(port, address);
  const bool waits = known != nullptr && known->held.count != 0;
  // With no place left a packet waits only where an older one gives way.
  if (live.pool_.full() && !waits) limits_.held_per_neighbour = 0;
  if (known == nullptr && !live.cache_.has_place(now, port, address)) limits_.unresolved = 0;
  if (known == nullptr) return nullptr;
  Neighbour* entry = cache_.insert(now, port, address);
  if (entry == nullptr) return nullptr;
  entry->mac = known->mac;
  entry->state = known->state;
  entry->probes = known->probes;
  entry->deadline = known->deadline;
  return entry;
}

}  // namespace sluice::route
