/// Finds connections by key, whichever way a packet goes. All memory is reserved at the start.
///
/// A key's keyed hash names two buckets of eight slots, a cache line each; a slot has a tag and the
/// index of a record. A key goes to its first bucket while that has slots to spare, else to the
/// emptier one: nearly all look-ups touch one bucket. With two slots for each record, slots run out
/// only after records do.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <emmintrin.h>

#include "dataplane/firewall/tracking/connection.hpp"
#include "dataplane/runtime/line_array.hpp"

namespace sluice::firewall {

class ConnectionTable {
 public:
  /// Index of a record; 0 is none.
  using Index = std::uint32_t;
  static constexpr Index kNone = 0;

  explicit ConnectionTable(std::uint32_t connections_max);

  /// Brings the first bucket of a hash into the cache.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[first_bucket(hash)]); }
  /// Then the record there whose tag fits, all of it for TCP; or the second bucket.
  void prefetch_record(std::uint64_t hash, bool whole) const {
    const Bucket& bucket = buckets_[first_bucket(hash)];
    const unsigned slots = slots_with(bucket, tag_of(hash));
    if (slots == 0) return __builtin_prefetch(&buckets_[second_bucket(hash)]);
    const Connection* const record = &records_[bucket.records[lowest(slots)]];
    __builtin_prefetch(record);
    if (whole) __builtin_prefetch(record->side.data());
  }

  /// The record of a connection that has not expired, for which `same(connection)` is true.
  /// `hash` is equal for both directions.
  template <class Same>
  [[nodiscard]] Index find(std::uint64_t hash, Nanoseconds now, Same same) const;

  /// A record for a new connection, its hash and key set. With none free, an expired or expendable
  /// connection is forgotten; an established one never. kNone: the table is full, or all that a
  /// packet has time to look at is.
  [[nodiscard]] Index insert(const Connection& connection, Nanoseconds now);
  void erase(Index index);
  /// Whether insert() of a connection with this hash would find or make room.
  [[nodiscard]] bool has_room(std::uint64_t hash, Nanoseconds now) const;
  /// From now on there is room only where a connection is forgotten or erased.
  void refuse_new() { free_.clear(); }

  [[nodiscard]] Connection& at(Index index) { return records_[index]; }
  [[nodiscard]] const Connection& at(Index index) const { return records_[index]; }

  /// Frees expired records: looks at the next `count` records, in a circle. Also has them forget
  /// passages of other rules than `rules`.
  void age(Nanoseconds now, std::uint32_t count, std::uint16_t rules);

  [[nodiscard]] std::uint32_t size() const { return used_; }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  /// Connections forgotten for new ones, since the start.
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  static constexpr unsigned kSlots = 8;
  static constexpr unsigned kSlotsToSpare = 3;
  struct alignas(64) Bucket {
    std::array<std::uint16_t, kSlots> tags;
    std::array<Index, kSlots> records;  ///< kNone: free
  };
  struct Place {
    std::uint64_t bucket;
    unsigned slot;
  };

  [[nodiscard]] std::uint64_t first_bucket(std::uint64_t hash) const { return hash & mask_; }
  [[nodiscard]] std::uint64_t second_bucket(std::uint64_t hash) const {
    return ((hash >> 32U) ^ (hash * 0x9e3779b97f4a7c15)) & mask_;
  }
  static std::uint16_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint16_t>(hash >> 48U);
  }
  /// Bits of the slots of a bucket with this tag, taken or not.
  [[nodiscard]] static unsigned slots_with(const Bucket& bucket, std::uint16_t tag) {
    const __m128i wanted = _mm_set1_epi16(static_cast<short>(tag));
    __m128i tags;
    std::memcpy(&tags, bucket.tags.data(), sizeof tags);
    const __m128i equal = _mm_cmpeq_epi16(tags, wanted);
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
  }
  [[nodiscard]] static unsigned lowest(unsigned slots) {
    return static_cast<unsigned>(std::countr_zero(slots));
  }
  [[nodiscard]] static unsigned taken(const Bucket& bucket);
  [[nodiscard]] bool slot_free(std::uint64_t hash) const;
  bool make_room(std::uint64_t hash, Nanoseconds now);
  [[nodiscard]] Index victim_of(std::uint64_t hash, Nanoseconds now) const;
  [[nodiscard]] Index victim_in_circle(Nanoseconds now) const;
  /// The next record in the circle.
  [[nodiscard]] Index after(Index index) const { return index == capacity_ ? 1 : index + 1; }

  std::uint32_t capacity_;
  std::uint64_t mask_;
  LineArray<Bucket> buckets_;
  LineArray<Connection> records_;  ///< 0 is not used
  std::vector<Index> free_;
  std::uint32_t used_ = 0;
  std::uint32_t age_at_ = 1;
  std::uint64_t evictions_ = 0;
};

template <class Same>
[[gnu::always_inline]] inline ConnectionTable::Index ConnectionTable::find(std::uint64_t hash,
                                                                           Nanoseconds now,
                                                                           Same same) const {
  const std::uint16_t tag = tag_of(hash);
  for (const std::uint64_t at : {first_bucket(hash), second_bucket(hash)}) {
    const Bucket& bucket = buckets_[at];
    for (unsigned slots = slots_with(bucket, tag); slots != 0; slots &= slots - 1) {
      const Index index = bucket.records[lowest(slots)];
      if (index == kNone) continue;
      const Connection& connection = records_[index];
      if (connection.hash == hash && connection.expires > now && same(connection)) return index;
    }
  }
  return kNone;
}

}  // namespace sluice::firewall
