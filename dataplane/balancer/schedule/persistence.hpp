/// Which backend a client was sent to: one worker's memory, of a fixed size from the start.
#pragma once

#include <cstdint>

#include "dataplane/balancer/flow_state.hpp"
#include "dataplane/packet/flow_key.hpp"
#include "dataplane/runtime/counters.hpp"
#include "dataplane/runtime/line_array.hpp"

namespace sluice::balancer {

/// Clients of services in buckets of eight, each client in one of two. Nothing ages by itself: an
/// entry past its time is free for the next client that comes to its bucket.
class PersistenceTable {
 public:
  /// Room for `clients` and some more; 0: remembers nobody. `seed` is a secret of the process.
  PersistenceTable(std::uint32_t clients, const HashSeed& seed);

  /// The backend that the client was sent to, by Backend::id(); kNoSlot: it is not remembered.
  /// `service` is a number that no other service has.
  [[nodiscard]] std::uint32_t find(std::uint32_t service, const IpAddress& client, Ticks now) const;
  /// Remembers it for `lifetime` from now on. Without room it is not, and counted.
  void note(std::uint32_t service, const IpAddress& client, std::uint32_t backend, Ticks lifetime,
            Ticks now);
  /// Takes over what `live` knows of the client, for a rehearsal.
  void borrow(const PersistenceTable& live, std::uint32_t service, const IpAddress& client,
              Ticks now);

  [[nodiscard]] const Counter& refused() const { return refused_; }

 private:
  static constexpr unsigned kPlaces = 8;
  struct Entry {
    IpAddress client;
    std::uint32_t service = 0;
    std::uint32_t backend = 0;
    Ticks expires = 0;
    bool used = false;
  };
  static_assert(sizeof(Entry) == 32);
  struct alignas(64) Bucket {
    Entry entries[kPlaces];
  };

  /// Index of the first or second bucket of a client.
  [[nodiscard]] std::size_t bucket_of(std::uint32_t service, const IpAddress& client,
                                      unsigned which) const;
  [[nodiscard]] const Entry* look_up(std::uint32_t service, const IpAddress& client,
                                     Ticks now) const;
  [[nodiscard]] Entry* place_for(std::uint32_t service, const IpAddress& client, Ticks now);

  HashSeed seed_;
  std::size_t count_;  ///< of buckets
  LineArray<Bucket> buckets_;
  Counter refused_;
};

}  // namespace sluice::balancer
