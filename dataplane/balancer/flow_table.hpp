/// The flows of one worker: fixed in size from the start, never locked, aged without pauses.
///
/// An index of cache-line buckets (eight places, a second bucket only where the first is full)
/// leads to flow records of one cache line. A NAT flow is indexed under the key of either
/// direction, so that one look-up finds it from both sides; two cache lines are touched a packet.
/// What full NAT and PROXY headers need besides is in a line of its own (LocalEnd), which only they
/// touch.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <emmintrin.h>

#include "dataplane/balancer/flow_state.hpp"
#include "dataplane/balancer/local_ports.hpp"
#include "dataplane/balancer/scheduler.hpp"
#include "dataplane/packet/flow_key.hpp"
#include "dataplane/runtime/counters.hpp"
#include "dataplane/runtime/line_array.hpp"

namespace sluice::balancer {

/// One flow: everything that translation needs, and no pointer into a snapshot.
struct alignas(64) Flow {
  IpAddress client;
  IpAddress service;
  IpAddress backend;
  std::uint16_t client_port = 0;
  std::uint16_t service_port = 0;
  std::uint16_t backend_port = 0;
  std::uint8_t protocol = 0;
  FlowState state = FlowState::unused;
  Ticks expires = 0;                  ///< deadline, moved by every packet
  std::uint32_t backend_id : 29 = 0;  ///< Backend::id: stable across snapshots
  std::uint32_t local : 1 = 0;        ///< there is a LocalEnd: full NAT, or a PROXY header
  std::uint32_t direct : 1 = 0;       ///< replies bypass us: no translation, no reply key
  std::uint32_t tunnel : 1 = 0;       ///< of those: goes in a tunnel

  /// forward_key() == key, and reply_key() == key, without building them.
  [[nodiscard]] bool forward_matches(const FlowKey& key) const {
    return client == key.source && service == key.destination && client_port == key.source_port &&
           service_port == key.destination_port && protocol == key.protocol;
  }
  [[nodiscard]] bool reply_matches(const FlowKey& key) const {
    return backend == key.source && client == key.destination && backend_port == key.source_port &&
           client_port == key.destination_port && protocol == key.protocol;
  }
  /// Key of the client's packets, as they arrive.
  [[nodiscard]] FlowKey forward_key() const {
    return {client, service, client_port, service_port, protocol};
  }
  /// Key of the backend's packets, as they arrive, where the client's address is kept.
  [[nodiscard]] FlowKey reply_key() const {
    return {backend, client, backend_port, client_port, protocol};
  }
  /// The same with the flow's local end, if it has one.
  [[nodiscard]] FlowKey reply_key(const LocalEnd& end) const {
    if (local == 0 || end.port == 0) return reply_key();
    return {backend, end.address, backend_port, end.port, protocol};
  }
  /// reply_key(end) == key.
  [[nodiscard]] bool reply_matches(const FlowKey& key, const LocalEnd& end) const {
    if (end.port == 0) return reply_matches(key);
    return backend == key.source && end.address == key.destination &&
           backend_port == key.source_port && end.port == key.destination_port &&
           protocol == key.protocol;
  }
};
static_assert(sizeof(Flow) == 64);

/// Tells another worker that replies with this key belong to a flow of `worker`.
struct Redirect {
  FlowKey key;
  std::uint16_t worker = 0;
  Ticks lifetime = 0;  ///< milliseconds until it is forgotten, unless it comes again
};

struct FlowTableOptions {
  std::uint32_t flows_max = 262'144;  ///< reserved at start; 1..2^26
  std::uint16_t worker = 0;           ///< index of the owner
  std::uint16_t workers = 1;          ///< of the process; with 1 there are no redirects
  std::uint32_t clients_max = 0;      ///< remembered for persistence; reserved at start
  HashSeed seed{};                    ///< secret of the process
  CounterBlock* slots = nullptr;      ///< of the owner; where the end of a flow is counted
};

/// Written by the owner, read by anybody.
struct FlowTableStats {
  Counter live;            ///< a gauge
  Counter inserted;        ///< since start
  Counter expired;         ///< forgotten after their time
  Counter evicted;         ///< unconfirmed or closed flows that made room for new ones
  Counter refused;         ///< new flows for which there was no room
  Counter collisions;      ///< new flows whose replies could not be told from another flow's
  Counter redirects_live;  ///< a gauge
  Counter redirects_lost;  ///< not posted or not kept, for want of room
};

class FlowTable {
 public:
  enum class Side : std::uint8_t { none, forward, reply, redirect };
  /// What a key leads to: a flow seen from one side, or another worker's flow.
  struct Hit {
    Side side = Side::none;
    std::uint32_t index = 0;   ///< of the flow
    std::uint16_t worker = 0;  ///< with Side::redirect: who owns the flow
  };
  enum class Inserted : std::uint8_t { done, full, collision, no_port };
  struct InsertResult {
    Inserted outcome = Inserted::full;
    std::uint32_t index = 0;
  };

  explicit FlowTable(const FlowTableOptions& options);

  /// Of the owner; null: nothing is counted.
  [[nodiscard]] CounterBlock* counts() const { return slots_; }
  /// The worker's part in choosing backends for new flows.
  [[nodiscard]] Scheduling& scheduling() { return scheduling_; }
  [[nodiscard]] const Scheduling& scheduling() const { return scheduling_; }

  /// What the steps of a look-up name a key by.
  [[nodiscard]] std::uint64_t hash(const FlowKey& key) const { return hash_of(key, seed_); }
  /// First step of a look-up: fetches the bucket.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home_of(hash)]); }
  /// Second step: the likely place, its record being fetched; 0 if there is none.
  [[nodiscard]] std::uint32_t probe(std::uint64_t hash) const;
  /// Third step. `likely` is what probe answered. Flows past their time are not found.
  [[nodiscard]] Hit confirm(const FlowKey& key, std::uint64_t hash, std::uint32_t likely,
                            Ticks now) const;
  /// The three steps in one, for keys that come alone.
  [[nodiscard]] Hit find(const FlowKey& key, Ticks now) const {
    const std::uint64_t at = hash(key);
    return confirm(key, at, probe(at), now);
  }
  [[nodiscard]] const Flow& flow(std::uint32_t index) const { return flows_[index]; }
  /// Of a flow with `local`.
  [[nodiscard]] LocalEnd& local(std::uint32_t index) { return locals_[index]; }
  [[nodiscard]] const LocalEnd& local(std::uint32_t index) const { return locals_[index]; }
  /// Flows removed since start: while it stands still, an index leads to the same flow.
  [[nodiscard]] std::uint64_t removals() const { return removals_; }
  /// Nothing can be found.
  [[nodiscard]] bool empty() const { return live_ == 0 && redirects_live_ == 0; }

  /// Stores a flow whose forward key is not in the table; `flow.expires` is set. Room is made by
  /// flows past their time, then by the oldest evictable one, never by established ones. Collision:
  /// the reply key belongs to a flow that is not over. `end` is that of a flow with `local`.
  [[nodiscard]] InsertResult insert(const Flow& flow, Ticks now, const LocalEnd& end = {});
  /// Fills in address and port of a local end for `flow`, with which its replies are told from all
  /// others. False: none is free.
  [[nodiscard]] bool claim(const LocalPool& pool, const Flow& flow, Ticks now, LocalEnd& end);
  [[nodiscard]] const LocalPorts& local_ports() const { return ports_; }
  /// Moves the flow to `state`, to live `lifetimes[state]` from now on.
  void touch(std::uint32_t index, FlowState state, const Lifetimes& lifetimes, Ticks now);
  /// The flow's backend is no more: it lives for `lifetime` at most and is over.
  void close(std::uint32_t index, Ticks lifetime, Ticks now);
  void remove(std::uint32_t index, Ticks now);

  /// Forgets what is past its time among the next `records`; called with a few every burst and with
  /// more when there is nothing to do.
  void age(Ticks now, unsigned records);

  /// Takes the redirects posted since the last call, oldest first, for the workers whose queues the
  /// replies may arrive on. To be delivered before the packets of the same burst are sent, so that
  /// the first reply cannot overtake them. Returns how many.
  [[nodiscard]] unsigned take_redirects(std::span<Redirect> out);
  /// Keeps, or prolongs, what another worker posted.
  void add_redirect(const Redirect& redirect, Ticks now);

  /// For a rehearsal in an empty table with the seed of `live`: takes over the flow, or the
  /// redirect, that the key leads to there. Returns the flow, which is this table's; null: none.
  const Flow* borrow(const FlowTable& live, const FlowKey& key, Ticks now);
  /// The same for the choice of local ends at a backend.
  void follow_ports(const FlowTable& live, std::uint32_t backend_id) {
    ports_.follow(live.ports_, backend_id);
  }
  /// Whether there is a record for another flow, or one that may be forgotten for it.
  [[nodiscard]] bool has_room(Ticks now) const;
  /// From now on there is room only where a flow is forgotten.
  void refuse_new() { free_flows_.clear(); }

  /// Places of flows, for walks in slices: capacity() of them, some free.
  [[nodiscard]] const Flow* record(std::uint32_t place, Ticks now) const {
    const Flow& flow = flows_[place];
    return flow.state != FlowState::unused && !reached(now, flow.expires) ? &flow : nullptr;
  }
  [[nodiscard]] std::uint32_t size() const { return live_; }

  [[nodiscard]] const FlowTableStats& stats() const { return stats_; }
  [[nodiscard]] std::uint32_t capacity() const { return static_cast<std::uint32_t>(flows_.size()); }

 private:
  static constexpr unsigned kPlaces = 8;
  /// A deadline is moved only when it gains this much, so that a busy flow's line stays clean.
  static constexpr Ticks kTouchGrain = 256;
  /// Records looked at for those past their time, when all are taken.
  static constexpr unsigned kReclaimScan = 32;

  /// Tag 0 is a free place. `spilled` counts what lives in the second bucket because this one was
  /// full: while it is 0, a look-up ends here.
  struct alignas(64) Bucket {
    std::uint16_t tags[kPlaces];
    std::uint32_t references[kPlaces];
    std::uint32_t spilled;
  };
  [[nodiscard]] static std::uint16_t tag_of(std::uint64_t hash) {
    const auto tag = static_cast<std::uint16_t>(hash >> 48);
    return tag == 0 ? std::uint16_t{1} : tag;
  }
  /// A bit for each of the eight places whose tag is `tag`.
  [[nodiscard]] static unsigned places_with(const std::uint16_t* tags, std::uint16_t tag) {
    __m128i all;
    std::memcpy(&all, tags, sizeof all);
    const __m128i equal = _mm_cmpeq_epi16(all, _mm_set1_epi16(static_cast<short>(tag)));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
  }

  /// A flow of another worker.
  struct alignas(64) RedirectRecord {
    FlowKey key;
    Ticks expires;
    std::uint16_t worker;
    bool used;
  };

  /// What a place of the index holds: whether the flow has a local end, in the highest bit; the
  /// side in the next two; a record below.
  static constexpr unsigned kIndexBits = 29;
  static constexpr std::uint32_t kLocalBit = std::uint32_t{1} << 31U;
  [[nodiscard]] static constexpr std::uint32_t reference_of(Side side, std::uint32_t index,
                                                            bool local = false) {
    return (local ? kLocalBit : 0U) | (static_cast<std::uint32_t>(side) << kIndexBits) | index;
  }
  [[nodiscard]] static constexpr Side side_of(std::uint32_t reference) {
    return static_cast<Side>((reference >> kIndexBits) & 3U);
  }
  [[nodiscard]] static constexpr std::uint32_t index_of(std::uint32_t reference) {
    return reference & ((1U << kIndexBits) - 1);
  }
  /// Evictable flows form a list, so that the one longest on it makes room in no time.
  static constexpr std::uint32_t kNobody = ~std::uint32_t{0};
  struct Neighbours {
    std::uint32_t older = kNobody;
    std::uint32_t newer = kNobody;
  };

  [[nodiscard]] std::uint32_t home_of(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash) & bucket_mask_;
  }
  [[nodiscard]] std::uint32_t other_of(std::uint32_t bucket, std::uint16_t tag) const {
    return (bucket ^ ((tag * 0x9e3779b1U) | 1U)) & bucket_mask_;
  }
  [[nodiscard]] Hit match(const FlowKey& key, std::uint32_t reference, Ticks now) const;
  [[nodiscard]] Hit search(const Bucket& bucket, std::uint16_t tag, const FlowKey& key,
                           Ticks now) const;
  [[nodiscard]] Hit search_all(const FlowKey& key, std::uint64_t hash, Ticks now) const;
  [[nodiscard]] bool place(std::uint64_t hash, std::uint32_t reference, Ticks now);
  [[nodiscard]] bool make_place(const Bucket& bucket, Ticks now, bool evict);
  [[nodiscard]] bool move_one(std::uint32_t bucket);
  [[nodiscard]] std::uint64_t hash_of_reference(std::uint32_t reference) const;
  void displace(std::uint64_t hash, std::uint32_t reference);
  [[nodiscard]] bool expired(std::uint32_t reference, Ticks now) const;
  void forget(std::uint32_t reference, Ticks now);
  [[nodiscard]] bool take_record(Ticks now);
  [[nodiscard]] FlowKey reply_key(std::uint32_t index) const {
    return flows_[index].reply_key(locals_[index]);
  }
  [[nodiscard]] bool reply_key_free(const FlowKey& key, Ticks now);
  [[nodiscard]] bool place_both(std::uint32_t index, Ticks now);
  void give_back(std::uint32_t index);
  void end_local(std::uint32_t index, const FlowKey& reply, Ticks now);
  void move(std::uint32_t index, FlowState state, Ticks lifetime, Ticks now);
  void enlist(std::uint32_t index);
  void delist(std::uint32_t index);
  void set_state(std::uint32_t index, FlowState state);
  void post_redirect(std::uint32_t index, Ticks lifetime, Ticks now);
  [[nodiscard]] bool take_redirect_record(Ticks now);
  void remove_redirect(std::uint32_t index);

  HashSeed seed_;
  std::uint16_t worker_;
  bool shared_;  ///< there are other workers
  std::uint32_t bucket_mask_;
  std::uint64_t removals_ = 0;
  std::uint32_t live_ = 0;
  std::uint32_t redirects_live_ = 0;
  LineArray<Bucket> buckets_;
  LineArray<Flow> flows_;
  LineArray<LocalEnd> locals_;  ///< by flow
  LocalPorts ports_;
  LineArray<RedirectRecord> redirects_;
  std::vector<std::uint32_t> free_flows_;
  std::vector<std::uint32_t> free_redirects_;
  std::vector<Neighbours> neighbours_;  ///< of flows that are evictable
  std::uint32_t oldest_ = kNobody;
  std::uint32_t newest_ = kNobody;
  std::vector<Ticks> posted_;  ///< when a flow's redirect was last posted
  std::vector<Redirect> outbox_;
  std::uint32_t age_hand_ = 0;
  std::uint32_t redirect_hand_ = 0;
  CounterBlock* slots_;
  Scheduling scheduling_;
  FlowTableStats stats_;
};

inline void FlowTable::touch(std::uint32_t index, FlowState state, const Lifetimes& lifetimes,
                             Ticks now) {
  const Flow& flow = flows_[index];
  const Ticks lifetime = lifetimes[static_cast<unsigned>(state)];
  if (flow.state != state || now + lifetime - flow.expires > kTouchGrain) [[unlikely]]
    return move(index, state, lifetime, now);
  if (shared_ && !flow.direct && reached(now, posted_[index])) post_redirect(index, lifetime, now);
}

inline std::uint32_t FlowTable::probe(std::uint64_t hash) const {
  const std::uint16_t tag = tag_of(hash);
  const Bucket* bucket = &buckets_[home_of(hash)];
  unsigned places = places_with(bucket->tags, tag);
  if (places == 0 && bucket->spilled != 0) {
    bucket = &buckets_[other_of(home_of(hash), tag)];
    places = places_with(bucket->tags, tag);
  }
  if (places == 0) return 0;
  const std::uint32_t reference = bucket->references[std::countr_zero(places)];
  if (side_of(reference) == Side::redirect)
    __builtin_prefetch(&redirects_[index_of(reference)]);
  else
    __builtin_prefetch(&flows_[index_of(reference)]);
  if ((reference & kLocalBit) != 0) __builtin_prefetch(&locals_[index_of(reference)]);
  return reference;
}

[[gnu::always_inline]] inline FlowTable::Hit FlowTable::match(const FlowKey& key,
                                                              std::uint32_t reference,
                                                              Ticks now) const {
  const Side side = side_of(reference);
  const std::uint32_t index = index_of(reference);
  if (side == Side::redirect) {
    const RedirectRecord& record = redirects_[index];
    if (record.key == key && !reached(now, record.expires)) return {side, index, record.worker};
    return {};
  }
  const Flow& flow = flows_[index];
  bool same;
  if (side == Side::forward)
    same = flow.forward_matches(key);
  else if ((reference & kLocalBit) != 0) [[unlikely]]
    same = flow.reply_matches(key, locals_[index]);
  else
    same = flow.reply_matches(key);
  if (same && !reached(now, flow.expires)) return {side, index, worker_};
  return {};
}

[[gnu::always_inline]] inline FlowTable::Hit FlowTable::confirm(const FlowKey& key,
                                                                std::uint64_t hash,
                                                                std::uint32_t likely,
                                                                Ticks now) const {
  if (likely == 0) return {};
  const Hit first = match(key, likely, now);
  if (first.side != Side::none) [[likely]]
    return first;
  return search_all(key, hash, now);
}

}  // namespace sluice::balancer
