#include "dataplane/route/neighbours.hpp"

#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/icmp_error.hpp"
#include "dataplane/route/solicit.hpp"

namespace sluice::route {

using namespace neighbour_time;

Neighbours::Neighbours(const NeighbourLimits& limits, const HashSeed& seed)
    : limits_(limits), cache_(limits.neighbours, seed), pool_(limits.held) {
  timed_.reserve(cache_.entries().size());
  updates_.resize(limits.updates);
}

// --- Timers
// ---------------------------------------------------------------------------------------

void Neighbours::tick(Context& context, const Table& table) {
  if (context.now >= next_router_solicit_) solicit_routers(context, table);
  if (cursor_ == 0 && context.now < next_round_) return;
  for (unsigned n = 0; n < kPerCall && cursor_ < timed_.size(); ++n) {
    Neighbour& entry = cache_.at(timed_[cursor_]);
    const bool runs = entry.state == NeighbourState::incomplete ||
                      entry.state == NeighbourState::delay || entry.state == NeighbourState::probe;
    if (!runs) {
      entry.timed = false;
      timed_[cursor_] = timed_.back();
      timed_.pop_back();
      continue;
    }
    if (context.now >= entry.deadline) advance(context, table, entry);
    ++cursor_;
  }
  if (cursor_ < timed_.size()) return;
  cursor_ = 0;
  next_round_ = context.now + kRound;
}

void Neighbours::start_timer(Neighbour& entry) {
  if (entry.timed) return;
  entry.timed = true;
  timed_.push_back(cache_.index_of(entry));  // reserved: one place an entry
}

void Neighbours::start_delay(Nanoseconds now, Neighbour& entry) {
  entry.state = NeighbourState::delay;
  entry.deadline = now + kDelayFirstProbe;
  entry.probes = 0;
  start_timer(entry);
}

/// The deadline of a state passed: RFC 4861 section 7.3.3, except that a neighbour that answers no
/// probe is asked for anew (it may have moved to another Ethernet address) before it is given up.
void Neighbours::advance(Context& context, const Table& table, Neighbour& entry) {
  switch (entry.state) {
    case NeighbourState::delay:
      entry.state = NeighbourState::probe;
      return ask(context, table, entry);
    case NeighbourState::probe:
      if (entry.probes < kUnicastSolicits) return ask(context, table, entry);
      entry.state = NeighbourState::incomplete;
      entry.probes = 0;
      ++unresolved_;
      return ask(context, table, entry);
    case NeighbourState::incomplete:
      if (entry.probes < kMulticastSolicits) return ask(context, table, entry);
      return give_up(context, table, entry);
    default:
      return;
  }
}

void Neighbours::ask(Context& context, const Table& table, Neighbour& entry) {
  ++entry.probes;
  entry.deadline = context.now + kRetransmit;
  const MacAddress* to = entry.state == NeighbourState::probe ? &entry.mac : nullptr;
  send_solicitation(context, table, entry.port, entry.address, to);
}

void Neighbours::give_up(Context& context, const Table& table, Neighbour& entry) {
  while (entry.held.count != 0) {
    Packet packet = take_held(context, entry);
    finish_unresolved(context, table, packet);
  }
  stop_resolving(entry);
  cache_.erase(entry);
}

void Neighbours::stop_resolving(Neighbour& entry) {
  if (entry.state == NeighbourState::incomplete) --unresolved_;
}

// --- Waiting packets
// ------------------------------------------------------------------------------

DropReason Neighbours::hold(Context& context, const Table& table, PortId port,
                            const IpAddress& address, const Packet& packet) {
  Neighbour* entry = cache_.find(port, address);
  if (entry == nullptr) {
    if (unresolved_ >= limits_.unresolved) return DropReason::neighbour_queue_full;
    entry = cache_.insert(context.now, port, address);
    if (entry == nullptr) return DropReason::neighbour_queue_full;
    entry->state = NeighbourState::incomplete;
    ++unresolved_;
    start_timer(*entry);
    ask(context, table, *entry);
  }
  // RFC 4861 section 7.2.2: the newest replaces the oldest.
  if (entry->held.count >= limits_.held_per_neighbour && entry->held.count != 0)
    drop_oldest(context, *entry, DropReason::neighbour_queue_full);
  if (pool_.full() || entry->held.count >= limits_.held_per_neighbour)
    return DropReason::neighbour_queue_full;
  Packet waiting = packet;
  waiting.via = nullptr;  // its snapshot may be gone by then; the entry knows the address
  pool_.push(entry->held, waiting);
  return DropReason::none;
}

void Neighbours::drop_oldest(Context& context, Neighbour& entry, DropReason reason) {
  Packet packet = take_held(context, entry);
  count_drop(context, reason);
  context.pool->release(packet);
}

void Neighbours::drop_held(Context& context) {
  for (std::uint32_t i = 0; i < cache_.entries().size(); ++i) {
    Neighbour& entry = cache_.at(i);
    while (entry.held.count != 0) drop_oldest(context, entry, DropReason::neighbour_unresolved);
  }
}

Packet Neighbours::take_held(Context& context, Neighbour& entry) {
  context.books->held_now.add(~std::uint64_t{0});  // one less
  return pool_.pop(entry.held);
}

void Neighbours::send_held(Context& context, const Table& table, Neighbour& entry) {
  while (entry.held.count != 0) {
    Packet packet = take_held(context, entry);
    leave({entry.mac, table.port(entry.port).mac}, entry.port, packet);
    packet.verdict = Verdict::sent;
    context.emitter->emit(packet);
  }
}

// --- What is heard
// --------------------------------------------------------------------------------

void Neighbours::observe(Context& context, const Table& table, const NeighbourUpdate& update) {
  const bool known =
      update.evidence != Evidence::router && cache_.find(update.port, update.address) != nullptr;
  const bool changed = change(context, table, update);
  // What changed nothing in a known entry is no news to the others either; an answer that nobody
  // here waits for is another worker's.
  if (known && !changed) return;
  if (updates_count_ == updates_.size()) {
    ++updates_lost_;
    return;
  }
  updates_[(updates_first_ + updates_count_) % updates_.size()] = update;
  ++updates_count_;
}

void Neighbours::apply(Context& context, const Table& table, const NeighbourUpdate& update) {
  static_cast<void>(change(context, table, update));
}

std::size_t Neighbours::take_updates(std::span<NeighbourUpdate> out) {
  std::size_t taken = 0;
  for (; taken < out.size() && updates_count_ != 0; ++taken, --updates_count_) {
    out[taken] = updates_[updates_first_];
    updates_first_ = (updates_first_ + 1) % updates_.size();
  }
  return taken;
}

bool Neighbours::change(Context& context, const Table& table, const NeighbourUpdate& update) {
  if (update.evidence == Evidence::router) return change_router(context.now, update);
  Neighbour* entry = cache_.find(update.port, update.address);
  if (entry != nullptr) return change_entry(context, table, *entry, update);
  return update.evidence == Evidence::asked && create(context, update);
}

bool Neighbours::create(Context& context, const NeighbourUpdate& update) {
  Neighbour* entry = cache_.insert(context.now, update.port, update.address);
  if (entry == nullptr) return false;
  entry->state = NeighbourState::stale;
  entry->mac = update.mac;
  entry->deadline = context.now;
  return true;
}

/// RFC 4861 section 7.2.5 and 7.2.3. True: something changed.
bool Neighbours::change_entry(Context& context, const Table& table, Neighbour& entry,
                              const NeighbourUpdate& update) {
  const bool answer =
      update.evidence == Evidence::answered || update.evidence == Evidence::answered_weak;
  const bool weak =
      update.evidence == Evidence::answered_weak || update.evidence == Evidence::announced_weak;
  const bool resolving = entry.state == NeighbourState::incomplete;
  const bool same = !resolving && entry.mac == update.mac;
  if (!same && weak && !resolving) {
    if (entry.state != NeighbourState::reachable) return false;
    entry.state = NeighbourState::stale;
    entry.deadline = context.now;
    return true;
  }
  const bool news = !same || entry.state != NeighbourState::reachable ||
                    context.now + kReachable - kSecond > entry.deadline;
  if (same && !answer) return false;
  if (!same) set_mac(context, table, entry, update.mac);
  if (answer) confirm(context.now, entry);
  return news;
}

void Neighbours::confirm(Nanoseconds now, Neighbour& entry) {
  entry.state = NeighbourState::reachable;
  entry.deadline = now + kReachable;
}

/// A new Ethernet address is stale until an answer confirms it; what waits goes out at once.
void Neighbours::set_mac(Context& context, const Table& table, Neighbour& entry,
                         const MacAddress& mac) {
  stop_resolving(entry);
  entry.mac = mac;
  entry.state = NeighbourState::stale;
  entry.deadline = context.now;
  send_held(context, table, entry);
}

// --- Default routers
// ------------------------------------------------------------------------------

bool Neighbours::change_router(Nanoseconds now, const NeighbourUpdate& update) {
  router_solicits_ = kRouterSolicits;  // RFC 4861 section 6.3.7: an advertisement ends the asking
  Router* place = nullptr;
  for (Router& router : routers_) {
    if (router.address == update.address && router.port == update.port) {
      place = &router;
      break;
    }
    if (place == nullptr && router.expires <= now) place = &router;
  }
  if (place == nullptr) return false;
  if (update.router_lifetime == 0 && place->address != update.address) return false;
  *place = Router{update.address, update.port, now + update.router_lifetime * kSecond};
  return true;
}

void Neighbours::forget_router(Context& context, const Table& table, PortId port,
                               const IpAddress& address) {
  for (const Router& router : routers_) {
    if (router.expires <= context.now || router.port != port || router.address != address) continue;
    return observe(context, table,
                   {.address = address, .mac = {}, .port = port, .evidence = Evidence::router});
  }
}

const Neighbours::Router* Neighbours::default_router(Nanoseconds now, const Table& table) const {
  const Router* any = nullptr;
  for (const Router& router : routers_) {
    if (router.expires <= now || !table.port(router.port).router_solicitation) continue;
    const Neighbour* entry = cache_.find(router.port, router.address);
    if (entry != nullptr && entry->state != NeighbourState::incomplete) return &router;
    if (any == nullptr) any = &router;
  }
  return any;
}

/// RFC 4861 section 6.3.7. The first worker asks for all; advertisements reach the others as
/// updates.
void Neighbours::solicit_routers(Context& context, const Table& table) {
  next_router_solicit_ = context.now + kRouterSolicitInterval;
  if (context.worker != 0 || router_solicits_ >= kRouterSolicits) return;
  bool asked = false;
  for (std::size_t id = 0; id < table.ports().size(); ++id) {
    if (!table.ports()[id].router_solicitation) continue;
    send_router_solicitation(context, table, static_cast<PortId>(id));
    asked = true;
  }
  if (asked) ++router_solicits_;
}

}  // namespace sluice::route
