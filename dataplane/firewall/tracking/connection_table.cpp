#include "dataplane/firewall/tracking/connection_table.hpp"

#include <algorithm>
#include <cassert>

namespace sluice::firewall {

bool expendable(const Connection& connection) {
  switch (connection.tcp) {
    case TcpState::none:
      return !connection.replied;
    case TcpState::established:
      return connection.picked_up && !connection.replied;
    case TcpState::half_closed:
      return false;
    default:
      return true;
  }
}

ConnectionTable::ConnectionTable(std::uint32_t connections_max)
    : capacity_(std::max(connections_max, 1U)),
      mask_(std::bit_ceil((std::uint64_t{capacity_} * 2 + kSlots - 1) / kSlots) - 1),
      buckets_(mask_ + 1),
      records_(std::size_t{capacity_} + 1),
      free_(capacity_) {
  for (std::uint32_t i = 0; i < capacity_; ++i) free_[i] = capacity_ - i;
}

unsigned ConnectionTable::taken(const Bucket& bucket) {
  unsigned count = 0;
  for (const Index index : bucket.records) count += index != kNone ? 1 : 0;
  return count;
}

ConnectionTable::Index ConnectionTable::victim_of(std::uint64_t hash, Nanoseconds now) const {
  Index oldest = kNone;
  for (const std::uint64_t at : {first_bucket(hash), second_bucket(hash)}) {
    for (const Index index : buckets_[at].records) {
      if (index == kNone) continue;
      const Connection& connection = records_[index];
      if (connection.expires <= now) return index;
      if (!expendable(connection)) continue;
      if (oldest == kNone || connection.expires < records_[oldest].expires) oldest = index;
    }
  }
  return oldest;
}

/// The next one in the circle that may be forgotten, among as many as a packet has time for.
ConnectionTable::Index ConnectionTable::victim_in_circle(Nanoseconds now) const {
  constexpr std::uint32_t kLooksMax = 64;
  Index index = age_at_;
  for (std::uint32_t look = std::min(kLooksMax, capacity_); look != 0; --look) {
    const Connection& connection = records_[index];
    const bool free = connection.expires == 0;
    if (!free && (connection.expires <= now || expendable(connection))) return index;
    index = after(index);
  }
  return kNone;
}

bool ConnectionTable::slot_free(std::uint64_t hash) const {
  return taken(buckets_[first_bucket(hash)]) < kSlots ||
         taken(buckets_[second_bucket(hash)]) < kSlots;
}

bool ConnectionTable::has_room(std::uint64_t hash, Nanoseconds now) const {
  const bool slot = slot_free(hash);
  return (slot && !free_.empty()) || victim_of(hash, now) != kNone ||
         (slot && victim_in_circle(now) != kNone);
}

bool ConnectionTable::make_room(std::uint64_t hash, Nanoseconds now) {
  const bool slot = slot_free(hash);
  if (slot && !free_.empty()) return true;
  // The circle first: in a flood its next record is one of the flood's oldest, and memory beside it
  // is read in order.
  Index victim = slot ? victim_in_circle(now) : kNone;
  if (victim == kNone) {
    victim = victim_of(hash, now);
  } else {
    age_at_ = after(victim);
  }
  if (victim == kNone) return false;
  if (records_[victim].expires > now) ++evictions_;
  erase(victim);
  return true;
}

ConnectionTable::Index ConnectionTable::insert(const Connection& connection, Nanoseconds now) {
  const std::uint64_t hash = connection.hash;
  if (!make_room(hash, now)) return kNone;
  Bucket* bucket = &buckets_[first_bucket(hash)];
  Bucket* const second = &buckets_[second_bucket(hash)];
  const unsigned used = taken(*bucket);
  if (used > kSlots - kSlotsToSpare && taken(*second) < used) bucket = second;
  const auto slot = static_cast<std::size_t>(
      std::find(bucket->records.begin(), bucket->records.end(), kNone) - bucket->records.begin());
  assert(slot < kSlots);
  const Index index = free_.back();
  free_.pop_back();
  bucket->tags[slot] = tag_of(hash);
  bucket->records[slot] = index;
  records_[index] = connection;
  ++used_;
  return index;
}

void ConnectionTable::erase(Index index) {
  Connection& connection = records_[index];
  for (const std::uint64_t at : {first_bucket(connection.hash), second_bucket(connection.hash)}) {
    Bucket& bucket = buckets_[at];
    const auto slot = std::find(bucket.records.begin(), bucket.records.end(), index);
    if (slot == bucket.records.end()) continue;
    *slot = kNone;
    connection.expires = 0;
    free_.push_back(index);
    --used_;
    return;
  }
}

void ConnectionTable::age(Nanoseconds now, std::uint32_t count, std::uint16_t rules) {
  for (count = std::min(count, capacity_); count != 0; --count) {
    Connection& connection = records_[age_at_];
    if (connection.expires != 0 && connection.expires <= now) erase(age_at_);
    if (connection.rules != 0 && connection.rules != rules) connection.rules = 0;
    age_at_ = after(age_at_);
  }
}

}  // namespace sluice::firewall
