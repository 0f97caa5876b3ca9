/// A worker's neighbours: who is behind a port at which Ethernet address, what waits for the
/// answer, and the default routers that advertise themselves. One worker's thread only.
///
/// States and timers are those of RFC 4861 section 7.3 for both families. What one worker hears it
/// also exports as NeighbourUpdate, because the answer to one worker's question may arrive at
/// another's queue; what is lost on the way costs a retransmission.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/context.hpp"
#include "dataplane/route/hold_pool.hpp"
#include "dataplane/route/neighbour_cache.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

/// RFC 4861 section 10. ARP uses the same values.
namespace neighbour_time {
inline constexpr Nanoseconds kRetransmit = kSecond;
inline constexpr Nanoseconds kReachable = 30 * kSecond;
inline constexpr Nanoseconds kDelayFirstProbe = 5 * kSecond;
inline constexpr Nanoseconds kRouterSolicitInterval = 4 * kSecond;
inline constexpr unsigned kMulticastSolicits = 3;
inline constexpr unsigned kUnicastSolicits = 3;
inline constexpr unsigned kRouterSolicits = 3;
}  // namespace neighbour_time

/// Bounds of one worker's memory for neighbours.
struct NeighbourLimits {
  std::uint32_t neighbours = 8192;
  std::uint32_t unresolved = 1024;  ///< neighbours being asked for (RFC 6583)
  std::uint32_t held = 512;         ///< waiting packets in total
  std::uint32_t held_per_neighbour = 8;
  std::uint32_t updates = 256;  ///< waiting for take_updates
};

/// What a message says about its sender.
enum class Evidence : std::uint8_t {
  asked,           ///< sent us a request or a router message: RFC 826, RFC 4861 section 7.2.3
  answered,        ///< answered us: confirms reachability
  answered_weak,   ///< answered us, but asks not to override (a proxy)
  announced,       ///< told everybody: gratuitous ARP, unsolicited advertisement
  announced_weak,  ///< told everybody, but asks not to override
  router,          ///< is a default router for router_lifetime seconds; 0: no longer
};

/// One observation; passed between workers.
struct NeighbourUpdate {
  IpAddress address;
  MacAddress mac;  ///< not for Evidence::router
  PortId port = kNoPort;
  Evidence evidence = Evidence::asked;
  std::uint16_t router_lifetime = 0;  ///< seconds
};

class Neighbours {
 public:
  Neighbours(const NeighbourLimits& limits, const HashSeed& seed);

  /// Retransmits, probes and gives up, as far as due: call once a turn, it is cheap when nothing
  /// is.
  void tick(Context& context, const Table& table);

  /// Drops every packet that waits (neighbour_unresolved): at the end of the worker.
  void drop_held(Context& context);

  /// Moves up to out.size() observations of this worker to `out`; returns how many. Each is to be
  /// given to apply() of every other worker.
  [[nodiscard]] std::size_t take_updates(std::span<NeighbourUpdate> out);
  /// Takes in an observation of another worker; sends what was held for it.
  void apply(Context& context, const Table& table, const NeighbourUpdate& update);
  /// Observations that were not exported because nobody took the earlier ones in time.
  [[nodiscard]] std::uint64_t updates_lost() const { return updates_lost_; }

  /// All places of the store, those in state free included.
  [[nodiscard]] const std::vector<Neighbour>& entries() const { return cache_.entries(); }
  /// Those that are not free.
  [[nodiscard]] std::uint32_t size() const { return cache_.size(); }

  /// For a rehearsal in an empty store with the seed of `live`: takes over everything that decides
  /// where a packet goes whose route was looked up. Returns its neighbour, which is in this store;
  /// null: it is not known, or none is needed.
  const Neighbour* borrow(const Neighbours& live, const Table& table, const Packet& packet,
                          Nanoseconds now);

  /// The remaining members serve this room's stages.

  /// Takes in and exports what a packet of this worker said.
  void observe(Context& context, const Table& table, const NeighbourUpdate& update);

  using Probe = NeighbourCache::Probe;
  [[nodiscard]] Probe probe(PortId port, const IpAddress& address) const {
    return cache_.probe(port, address);
  }
  void prefetch(const Probe& at) const { cache_.prefetch(at); }

  /// The Ethernet address to send to now, or null: hold the packet. Use starts the check of a
  /// neighbour that was not confirmed lately; packets go on meanwhile.
  [[nodiscard]] const MacAddress* use(Nanoseconds now, const Probe& at, PortId port,
                                      const IpAddress& address) {
    Neighbour* entry = cache_.find(at, port, address);
    if (entry == nullptr || entry->state == NeighbourState::incomplete) return nullptr;
    if (entry->state == NeighbourState::stale ||
        (entry->state == NeighbourState::reachable && now >= entry->deadline)) {
      start_delay(now, *entry);
    }
    return &entry->mac;
  }

  /// Keeps the packet until the neighbour answers, and asks for it. It is as it came in: TTL and
  /// Ethernet header are rewritten when it leaves. None: it is held (Verdict::held), and counted in
  /// Books::held_now by whoever settles verdicts; this class subtracts it again. Otherwise the
  /// reason to drop it.
  [[nodiscard]] DropReason hold(Context& context, const Table& table, PortId port,
                                const IpAddress& address, const Packet& packet);

  /// The default router in force, or null. RFC 4861 section 6.3.6: one that is reachable first.
  struct Router {
    IpAddress address;
    PortId port = kNoPort;
    Nanoseconds expires = 0;
  };
  [[nodiscard]] const Router* default_router(Nanoseconds now, const Table& table) const;
  /// The neighbour said that it is no router (any more): RFC 4861 section 7.2.5.
  void forget_router(Context& context, const Table& table, PortId port, const IpAddress& address);

 private:
  static constexpr unsigned kRoutersMax = 8;
  /// Entries with a timer are looked at in rounds this far apart, so many a call.
  static constexpr Nanoseconds kRound = 10 * kMillisecond;
  static constexpr unsigned kPerCall = 64;

  const Neighbour* borrow_entry(const Neighbours& live, PortId port, const IpAddress& address,
                                Nanoseconds now);
  void start_delay(Nanoseconds now, Neighbour& entry);
  void start_timer(Neighbour& entry);
  void stop_resolving(Neighbour& entry);
  void confirm(Nanoseconds now, Neighbour& entry);
  void set_mac(Context& context, const Table& table, Neighbour& entry, const MacAddress& mac);
  [[nodiscard]] bool change(Context& context, const Table& table, const NeighbourUpdate& update);
  [[nodiscard]] bool change_entry(Context& context, const Table& table, Neighbour& entry,
                                  const NeighbourUpdate& update);
  [[nodiscard]] bool create(Context& context, const NeighbourUpdate& update);
  [[nodiscard]] bool change_router(Nanoseconds now, const NeighbourUpdate& update);
  void advance(Context& context, const Table& table, Neighbour& entry);
  void ask(Context& context, const Table& table, Neighbour& entry);
  void send_held(Context& context, const Table& table, Neighbour& entry);
  void give_up(Context& context, const Table& table, Neighbour& entry);
  [[nodiscard]] Packet take_held(Context& context, Neighbour& entry);
  void drop_oldest(Context& context, Neighbour& entry, DropReason reason);
  void solicit_routers(Context& context, const Table& table);

  NeighbourLimits limits_;
  NeighbourCache cache_;
  HoldPool pool_;
  std::vector<std::uint32_t> timed_;  ///< indices of entries with a running timer
  std::size_t cursor_ = 0;            ///< into timed_
  Nanoseconds next_round_ = 0;
  std::uint32_t unresolved_ = 0;

  std::vector<NeighbourUpdate> updates_;  ///< a ring
  std::size_t updates_first_ = 0;
  std::size_t updates_count_ = 0;
  std::uint64_t updates_lost_ = 0;

  std::array<Router, kRoutersMax> routers_{};
  Nanoseconds next_router_solicit_ = 0;
  unsigned router_solicits_ = 0;
};

}  // namespace sluice::route
