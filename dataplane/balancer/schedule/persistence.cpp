#include "dataplane/balancer/schedule/persistence.hpp"

namespace sluice::balancer {

/// A quarter more than asked for: buckets do not fill evenly.
PersistenceTable::PersistenceTable(std::uint32_t clients, const HashSeed& seed)
    : seed_(seed),
      count_((std::size_t{clients} + clients / 4 + kPlaces - 1) / kPlaces),
      buckets_(count_) {}

std::size_t PersistenceTable::bucket_of(std::uint32_t service, const IpAddress& client,
                                        unsigned which) const {
  FlowKey key;
  key.source = client;
  key.set_transport(0, static_cast<std::uint16_t>(service),
                    static_cast<std::uint16_t>(service >> 16U));
  const std::uint64_t hash = hash_of(key, seed_);
  const std::uint64_t half = which == 0 ? hash >> 32U : hash & 0xffff'ffff;
  return static_cast<std::size_t>((half * count_) >> 32U);
}

const PersistenceTable::Entry* PersistenceTable::look_up(std::uint32_t service,
                                                         const IpAddress& client, Ticks now) const {
  for (unsigned which = 0; which < 2 && count_ != 0; ++which)
    for (const Entry& entry : buckets_[bucket_of(service, client, which)].entries)
      if (entry.used && entry.service == service && entry.client == client &&
          !reached(now, entry.expires))
        return &entry;
  return nullptr;
}

std::uint32_t PersistenceTable::find(std::uint32_t service, const IpAddress& client,
                                     Ticks now) const {
  const Entry* entry = look_up(service, client, now);
  return entry == nullptr ? kNoSlot : entry->backend;
}

/// The client's own place, else one that is free or past its time, of the bucket that has more
/// such.
PersistenceTable::Entry* PersistenceTable::place_for(std::uint32_t service, const IpAddress& client,
                                                     Ticks now) {
  Entry* best = nullptr;
  unsigned most = 0;
  for (unsigned which = 0; which < 2 && count_ != 0; ++which) {
    Entry* free = nullptr;
    unsigned count = 0;
    for (Entry& entry : buckets_[bucket_of(service, client, which)].entries) {
      if (entry.used && entry.service == service && entry.client == client) return &entry;
      if (entry.used && !reached(now, entry.expires)) continue;
      free = &entry;
      ++count;
    }
    if (count > most) {
      most = count;
      best = free;
    }
  }
  return best;
}

void PersistenceTable::note(std::uint32_t service, const IpAddress& client, std::uint32_t backend,
                            Ticks lifetime, Ticks now) {
  Entry* entry = place_for(service, client, now);
  if (entry == nullptr) return refused_.add(1);
  *entry = {client, service, backend, now + lifetime, true};
}

void PersistenceTable::borrow(const PersistenceTable& live, std::uint32_t service,
                              const IpAddress& client, Ticks now) {
  const Entry* entry = live.look_up(service, client, now);
  if (entry != nullptr) note(service, client, entry->backend, entry->expires - now, now);
}

}  // namespace sluice::balancer
