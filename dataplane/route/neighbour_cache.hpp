/// The store of a worker's neighbours: a set-associative hash table of fixed size. A look-up
/// touches one line of tags and one line of the entry; entries never move, so that an index names
/// one.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <wmmintrin.h>

#include "dataplane/packet/flow_key.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::route {

/// RFC 4861 section 7.3.2; ARP follows the same machine with requests in place of solicitations.
enum class NeighbourState : std::uint8_t { free, incomplete, reachable, stale, delay, probe };

/// "incomplete", "reachable", ...
[[nodiscard]] const char* name_of(NeighbourState state);

inline constexpr std::uint32_t kNoIndex = 0xffff'ffff;

/// First and last packet of a hold queue, as indices into the worker's HoldPool.
struct HoldList {
  std::uint32_t first = kNoIndex;
  std::uint32_t last = kNoIndex;
  std::uint16_t count = 0;
};

struct alignas(64) Neighbour {
  IpAddress address;
  MacAddress mac;
  PortId port = kNoPort;
  NeighbourState state = NeighbourState::free;
  std::uint8_t probes = 0;   ///< requests sent in this state
  bool timed = false;        ///< in the list of entries with a running timer
  Nanoseconds deadline = 0;  ///< when the state ends by itself
  HoldList held;
};
static_assert(sizeof(Neighbour) == 64);

class NeighbourCache {
 public:
  static constexpr unsigned kWays = 8;

  /// Rounds up to a power of two of sets.
  NeighbourCache(std::uint32_t capacity, const HashSeed& seed);

  /// A place to look, computed ahead so that its line can be fetched meanwhile.
  struct Probe {
    std::uint32_t set;
    std::uint16_t tag;
  };
  [[nodiscard]] Probe probe(PortId port, const IpAddress& address) const {
    const std::uint64_t hash = hash_of(port, address);
    return {static_cast<std::uint32_t>(hash) & set_mask_,
            static_cast<std::uint16_t>((hash >> 48U) | 1U)};
  }
  void prefetch(const Probe& at) const { __builtin_prefetch(&tags_[at.set]); }

  [[nodiscard]] const Neighbour* find(const Probe& at, PortId port,
                                      const IpAddress& address) const {
    const __m128i tags = _mm_load_si128(&tags_[at.set].lanes);
    const __m128i wanted = _mm_set1_epi16(static_cast<short>(at.tag));
    auto hits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi16(tags, wanted)));
    for (; hits != 0; hits &= hits - 1, hits &= hits - 1) {
      const Neighbour& entry =
          entries_[at.set * kWays + static_cast<unsigned>(std::countr_zero(hits)) / 2];
      if (entry.port == port && same(entry.address, address)) return &entry;
    }
    return nullptr;
  }
  [[nodiscard]] const Neighbour* find(PortId port, const IpAddress& address) const {
    return find(probe(port, address), port, address);
  }
  [[nodiscard]] Neighbour* find(const Probe& at, PortId port, const IpAddress& address) {
    return const_cast<Neighbour*>(std::as_const(*this).find(at, port, address));
  }
  [[nodiscard]] Neighbour* find(PortId port, const IpAddress& address) {
    return find(probe(port, address), port, address);
  }

  /// A fresh entry in state free; the caller sets the state at once. In a full set the stale entry
  /// with the earliest deadline gives way; entries that are in use or being resolved do not.
  /// Null: no place.
  [[nodiscard]] Neighbour* insert(Nanoseconds now, PortId port, const IpAddress& address);
  /// Whether insert() would find a place.
  [[nodiscard]] bool has_place(Nanoseconds now, PortId port, const IpAddress& address) const {
    return place_for(now, probe(port, address)) != nullptr;
  }
  void erase(Neighbour& entry);

  [[nodiscard]] std::uint32_t index_of(const Neighbour& entry) const {
    return static_cast<std::uint32_t>(&entry - entries_.data());
  }
  [[nodiscard]] Neighbour& at(std::uint32_t index) { return entries_[index]; }
  [[nodiscard]] const std::vector<Neighbour>& entries() const { return entries_; }
  /// Entries that are not free.
  [[nodiscard]] std::uint32_t size() const { return used_; }

 private:
  [[nodiscard]] const Neighbour* place_for(Nanoseconds now, const Probe& at) const;

  /// Keyed, by AES rounds: who can choose addresses cannot choose where they collide.
  [[nodiscard]] std::uint64_t hash_of(PortId port, const IpAddress& address) const {
    const __m128i key = _mm_set_epi64x(static_cast<long long>(seed_.high),
                                       static_cast<long long>(seed_.low ^ port));
    const __m128i once = _mm_aesenc_si128(_mm_xor_si128(load(address), key), key);
    const __m128i twice = _mm_aesenc_si128(once, key);
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_aesenc_si128(twice, key)));
  }

  /// In registers: operator== of the bytes calls memcmp.
  [[nodiscard]] static bool same(const IpAddress& a, const IpAddress& b) {
    const __m128i equal = _mm_cmpeq_epi8(load(a), load(b));
    return _mm_movemask_epi8(equal) == 0xffff;
  }
  [[nodiscard]] static __m128i load(const IpAddress& address) {
    __m128i bytes;
    std::memcpy(&bytes, address.bytes.data(), sizeof bytes);
    return bytes;
  }

  /// 0 is an empty way.
  union alignas(16) Tags {
    std::array<std::uint16_t, kWays> tag;
    __m128i lanes;
  };

  std::vector<Tags> tags_;
  std::vector<Neighbour> entries_;
  std::uint32_t set_mask_;
  std::uint32_t used_ = 0;
  HashSeed seed_;
};

}  // namespace sluice::route
