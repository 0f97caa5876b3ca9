/// Local ends of full NAT: the address and port that a backend sees in place of the client's.
///
/// Each worker gives out its own, without a word to the others: those whose replies the software
/// spreader would bring to it (worker_of() of the reply's key). A port may serve many backends at
/// once, since only the whole reply key has to be unique; whether it is, the flow table says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/balancer/flow_state.hpp"
#include "dataplane/packet/flow_key.hpp"
#include "dataplane/runtime/counters.hpp"
#include "dataplane/runtime/line_array.hpp"

namespace sluice::balancer {

/// What full NAT and PROXY headers keep of a flow beside its record: a second cache line, which
/// flows of other kinds never touch.
struct alignas(64) LocalEnd {
  IpAddress address;                 ///< what the backend sees as the client
  std::uint16_t port = 0;            ///< 0: the client's own address and port stay (NAT)
  std::uint16_t segment_most = 0;    ///< bytes that the backend takes in a segment; 0: unknown
  std::uint8_t proxy = 0;            ///< version of the PROXY header, 0: none
  std::uint8_t header_size = 0;      ///< bytes of it, which shift the client's numbers
  bool header_sent = false;          ///< some packet carried it
  bool header_acknowledged = false;  ///< the backend has it whole
  bool data_seen = false;            ///< the client's first byte went by
  std::uint32_t first = 0;           ///< sequence number of the client's first byte
  Ticks rest = 0;                    ///< how long the port rests after the flow
  Slot in_use = kNoSlot;             ///< of the service: its ports in use
};
static_assert(sizeof(LocalEnd) == 64);

/// The addresses and ports to choose from for one backend, of one family.
struct LocalPool {
  std::vector<Prefix> prefixes;
  std::uint32_t addresses = 0;  ///< in all prefixes
  std::uint16_t first_port = 0;
  std::uint32_t ports = 0;     ///< of each address
  std::uint32_t services = 1;  ///< that share ends of the pool at this backend

  [[nodiscard]] std::uint32_t size() const { return addresses * ports; }
  /// Addresses vary first, so that all have the same load.
  void name(std::uint32_t place, IpAddress& address, std::uint16_t& port) const;
};

/// Bounds of a pool, so that its size fits 32 bits.
inline constexpr std::uint32_t kLocalAddressesMax = 4096;

/// One worker's choice of local ends.
class LocalPorts {
 public:
  struct Options {
    std::uint16_t worker = 0;
    std::uint16_t workers = 1;
    HashSeed seed{};
    std::uint32_t backends_max = 1;  ///< ids of backends are below
    std::uint32_t rests_max = 1024;  ///< ports remembered as resting
  };
  explicit LocalPorts(const Options& options);

  /// The next end of `pool` for `reply`, the key of the backend's packets of which only the
  /// destination is missing, that is this worker's, does not rest, and that `free(key)` agrees to.
  /// Ends are taken in turn, so that one comes back as late as can be. Nothing: none of the next
  /// kTries was; then nothing is tried for kPause.
  template <class Free>
  [[nodiscard]] bool take(const LocalPool& pool, std::uint32_t backend, FlowKey reply, Ticks now,
                          LocalEnd& end, Free&& free) {
    Standing& standing = standings_[index_of(backend)];
    if (standing.paused && !reached(now, standing.again)) return false;
    if (pool.size() == 0 || over_share(pool, standing)) return false;
    std::uint32_t tries = 0;
    for (std::uint32_t n = std::min(pool.size(), kTries * workers_ * 2U); n != 0; --n) {
      if (!next(pool, standing, reply, end)) continue;
      if (!resting(reply, now) && free(reply)) {
        standing.paused = false;
        return true;
      }
      if (++tries == kTries) break;
    }
    standing.paused = true;
    standing.again = now + kPause;
    return false;
  }

  /// A flow to the backend has an end.
  void begun(std::uint32_t backend) { ++standings_[index_of(backend)].in_use; }
  /// It has it no more; with `rest` other than 0 the end rests for so long.
  void ended(std::uint32_t backend, const FlowKey& reply, Ticks rest, Ticks now);
  [[nodiscard]] bool resting(const FlowKey& reply, Ticks now) const;
  /// Resting ends that had to be forgotten early, for want of room.
  [[nodiscard]] std::uint64_t rests_lost() const { return rests_lost_.value(); }
  /// For a rehearsal: goes on where the other's choice stands.
  void follow(const LocalPorts& live, std::uint32_t backend) {
    standings_[index_of(backend)] = live.standings_[live.index_of(backend)];
  }

  static constexpr std::uint32_t kTries = 64;
  static constexpr Ticks kPause = 10;

 private:
  /// What is known of one backend.
  struct Standing {
    std::uint32_t next = 0;    ///< place in the pool
    std::uint32_t in_use = 0;  ///< ends
    Ticks again = 0;           ///< with `paused`
    bool paused = false;
    bool begun = false;  ///< `next` has been set
  };
  static constexpr unsigned kPlaces = 8;
  /// Ends that rest, by a part of their hash: another that looks the same rests too.
  struct alignas(64) Rests {
    std::uint32_t tags[kPlaces];  ///< 0: a free place
    Ticks until[kPlaces];
  };

  [[nodiscard]] std::uint32_t index_of(std::uint32_t backend) const {
    return backend < standings_.size() ? backend : 0;
  }
  [[nodiscard]] bool over_share(const LocalPool& pool, const Standing& standing) const;
  [[nodiscard]] bool next(const LocalPool& pool, Standing& standing, FlowKey& reply,
                          LocalEnd& end) const;

  std::uint16_t worker_;
  std::uint16_t workers_;
  HashSeed seed_;
  std::uint32_t rest_mask_;
  std::vector<Standing> standings_;  ///< by id of the backend
  LineArray<Rests> rests_;
  Counter rests_lost_;
};

}  // namespace sluice::balancer
