#include "dataplane/balancer/flow_table.hpp"

#include <algorithm>
#include <bit>

namespace sluice::balancer {
namespace {

/// Records ahead of the hand that are fetched: they are looked at a burst or two later.
constexpr std::uint32_t kAgeAhead = 32;
/// Redirects that wait to be taken: more than one burst can post.
constexpr std::size_t kOutboxMax = 512;

/// Half of the places stay free when all flows have two keys, so that few need the second bucket.
std::uint32_t bucket_count(std::uint32_t flows, bool shared) {
  const std::uint32_t references = flows * (shared ? 3 : 2);
  return std::bit_ceil(std::max(references / 4, 2U));
}

}  // namespace

FlowTable::FlowTable(const FlowTableOptions& options)
    : seed_(options.seed),
      worker_(options.worker),
      shared_(options.workers > 1),
      bucket_mask_(bucket_count(options.flows_max, options.workers > 1) - 1),
      buckets_(std::size_t{bucket_mask_} + 1),
      flows_(options.flows_max),
      locals_(options.flows_max),
      ports_({.worker = options.worker,
              .workers = options.workers,
              .seed = options.seed,
              .backends_max = options.slots == nullptr ? 1 : options.slots->size(),
              .rests_max = options.flows_max}),
      redirects_(options.workers > 1 ? options.flows_max : 0),
      neighbours_(options.flows_max),
      posted_(options.workers > 1 ? options.flows_max : 0),
      slots_(options.slots),
      scheduling_(options.slots == nullptr ? 0 : options.slots->size(), options.worker,
                  options.clients_max, options.seed) {
  for (std::size_t i = flows_.size(); i-- > 0;)
    free_flows_.push_back(static_cast<std::uint32_t>(i));
  for (std::size_t i = redirects_.size(); i-- > 0;)
    free_redirects_.push_back(static_cast<std::uint32_t>(i));
  if (shared_) outbox_.reserve(kOutboxMax);
}

FlowTable::Hit FlowTable::search(const Bucket& bucket, std::uint16_t tag, const FlowKey& key,
                                 Ticks now) const {
  for (unsigned rest = places_with(bucket.tags, tag); rest != 0; rest &= rest - 1) {
    const Hit hit = match(key, bucket.references[std::countr_zero(rest)], now);
    if (hit.side != Side::none) return hit;
  }
  return {};
}

FlowTable::Hit FlowTable::search_all(const FlowKey& key, std::uint64_t hash, Ticks now) const {
  const std::uint16_t tag = tag_of(hash);
  const Bucket& home = buckets_[home_of(hash)];
  const Hit hit = search(home, tag, key, now);
  if (hit.side != Side::none || home.spilled == 0) return hit;
  return search(buckets_[other_of(home_of(hash), tag)], tag, key, now);
}

bool FlowTable::expired(std::uint32_t reference, Ticks now) const {
  const std::uint32_t index = index_of(reference);
  return reached(now, side_of(reference) == Side::redirect ? redirects_[index].expires
                                                           : flows_[index].expires);
}

void FlowTable::forget(std::uint32_t reference, Ticks now) {
  if (side_of(reference) == Side::redirect)
    remove_redirect(index_of(reference));
  else
    remove(index_of(reference), now);
}

/// Frees a place by what is past its time or, with `evict`, by an evictable flow.
bool FlowTable::make_place(const Bucket& bucket, Ticks now, bool evict) {
  for (unsigned i = 0; i < kPlaces; ++i) {
    if (bucket.tags[i] == 0) continue;
    const std::uint32_t reference = bucket.references[i];
    const bool is_flow = side_of(reference) != Side::redirect;
    if (expired(reference, now)) {
      if (is_flow) stats_.expired.add(1);
    } else if (evict && is_flow && evictable(flows_[index_of(reference)].state)) {
      stats_.evicted.add(1);
    } else {
      continue;
    }
    forget(reference, now);
    return true;
  }
  return false;
}

/// In its first bucket, else in its second; else where something past its time stood, or something
/// that has a free place in its own other bucket, or an evictable flow.
bool FlowTable::place(std::uint64_t hash, std::uint32_t reference, Ticks now) {
  const std::uint16_t tag = tag_of(hash);
  Bucket& home = buckets_[home_of(hash)];
  Bucket& other = buckets_[other_of(home_of(hash), tag)];
  const auto put = [&](Bucket& bucket) {
    const unsigned free = places_with(bucket.tags, 0);
    if (free == 0) return false;
    const int at = std::countr_zero(free);
    bucket.tags[at] = tag;
    bucket.references[at] = reference;
    if (&bucket != &home) ++home.spilled;
    return true;
  };
  if (put(home)) return true;
  if (make_place(home, now, false)) return put(home);
  if (put(other)) return true;
  if (make_place(other, now, false)) return put(other);
  if (move_one(home_of(hash))) return put(home);
  if (move_one(other_of(home_of(hash), tag))) return put(other);
  if (make_place(home, now, true)) return put(home);
  return make_place(other, now, true) && put(other);
}

std::uint64_t FlowTable::hash_of_reference(std::uint32_t reference) const {
  const std::uint32_t index = index_of(reference);
  switch (side_of(reference)) {
    case Side::forward:
      return hash_of(flows_[index].forward_key(), seed_);
    case Side::reply:
      return hash_of(reply_key(index), seed_);
    default:
      return hash_of(redirects_[index].key, seed_);
  }
}

/// Frees a place of a full bucket by moving one of its references to that one's other bucket.
bool FlowTable::move_one(std::uint32_t bucket) {
  Bucket& from = buckets_[bucket];
  for (unsigned i = 0; i < kPlaces; ++i) {
    const std::uint32_t target = other_of(bucket, from.tags[i]);
    const unsigned free = places_with(buckets_[target].tags, 0);
    if (free == 0) continue;
    const bool leaves_home = home_of(hash_of_reference(from.references[i])) == bucket;
    const int at = std::countr_zero(free);
    buckets_[target].tags[at] = from.tags[i];
    buckets_[target].references[at] = from.references[i];
    from.tags[i] = 0;
    from.references[i] = 0;
    if (leaves_home)
      ++from.spilled;
    else
      --buckets_[target].spilled;
    return true;
  }
  return false;
}

void FlowTable::displace(std::uint64_t hash, std::uint32_t reference) {
  const std::uint16_t tag = tag_of(hash);
  Bucket& home = buckets_[home_of(hash)];
  Bucket& other = buckets_[other_of(home_of(hash), tag)];
  for (Bucket* bucket : {&home, &other}) {
    for (unsigned rest = places_with(bucket->tags, tag); rest != 0; rest &= rest - 1) {
      const int at = std::countr_zero(rest);
      if (bucket->references[at] != reference) continue;
      bucket->tags[at] = 0;
      bucket->references[at] = 0;
      if (bucket != &home) --home.spilled;
      return;
    }
  }
}

/// Sees to it that a flow record is free.
bool FlowTable::take_record(Ticks now) {
  if (free_flows_.empty()) age(now, kReclaimScan);
  if (!free_flows_.empty()) return true;
  if (oldest_ == kNobody) return false;
  stats_.evicted.add(1);
  remove(oldest_, now);
  return true;
}

/// Appends to the list of evictable flows.
void FlowTable::enlist(std::uint32_t index) {
  neighbours_[index] = {newest_, kNobody};
  (newest_ == kNobody ? oldest_ : neighbours_[newest_].newer) = index;
  newest_ = index;
}

void FlowTable::delist(std::uint32_t index) {
  const auto [older, newer] = neighbours_[index];
  (older == kNobody ? oldest_ : neighbours_[older].newer) = newer;
  (newer == kNobody ? newest_ : neighbours_[newer].older) = older;
}

void FlowTable::set_state(std::uint32_t index, FlowState state) {
  FlowState& current = flows_[index].state;
  if (evictable(current) && !evictable(state)) delist(index);
  if (!evictable(current) && evictable(state)) enlist(index);
  current = state;
}

/// Two services may share a backend's address and port, and a client may use one port for both:
/// their replies look the same. A redirect is no obstacle and goes: the flow has moved here.
bool FlowTable::reply_key_free(const FlowKey& key, Ticks now) {
  const Hit hit = find(key, now);
  if (hit.side == Side::redirect) remove_redirect(hit.index);
  if (hit.side != Side::reply) return true;
  if (!over(flows_[hit.index].state)) return false;
  stats_.evicted.add(1);
  remove(hit.index, now);
  return true;
}

bool FlowTable::claim(const LocalPool& pool, const Flow& flow, Ticks now, LocalEnd& end) {
  const FlowKey reply{flow.backend, {}, flow.backend_port, 0, flow.protocol};
  return ports_.take(pool, flow.backend_id, reply, now, end,
                     [&](const FlowKey& key) { return find(key, now).side != Side::reply; });
}

/// Indexes a record under its keys: under all, or under none.
bool FlowTable::place_both(std::uint32_t index, Ticks now) {
  const Flow& flow = flows_[index];
  const std::uint64_t forward_hash = hash_of(flow.forward_key(), seed_);
  const std::uint32_t forward = reference_of(Side::forward, index, flow.local != 0);
  if (!place(forward_hash, forward, now)) return false;
  if (flow.direct) return true;
  const std::uint32_t reply = reference_of(Side::reply, index, flow.local != 0);
  if (place(hash_of(reply_key(index), seed_), reply, now)) return true;
  displace(forward_hash, forward);
  return false;
}

void FlowTable::give_back(std::uint32_t index) {
  if (flows_[index].local != 0) locals_[index] = {};
  flows_[index] = Flow{};
  free_flows_.push_back(index);
}

FlowTable::InsertResult FlowTable::insert(const Flow& flow, Ticks now, const LocalEnd& end) {
  if (!flow.direct && !reply_key_free(flow.reply_key(end), now)) {
    stats_.collisions.add(1);
    return {Inserted::collision, 0};
  }
  if (!take_record(now)) {
    stats_.refused.add(1);
    return {};
  }
  const std::uint32_t index = free_flows_.back();
  free_flows_.pop_back();
  flows_[index] = flow;
  if (flow.local != 0) locals_[index] = end;
  // Not evictable until it is whole: placing its second key must not remove its first.
  flows_[index].state = FlowState::unused;
  if (!place_both(index, now)) {
    give_back(index);
    stats_.refused.add(1);
    return {};
  }
  set_state(index, flow.state);
  stats_.live.set(++live_);
  stats_.inserted.add(1);
  if (end.port != 0) {
    ports_.begun(flow.backend_id);
    if (slots_ != nullptr) slots_->add(end.in_use, 0);
  }
  if (shared_ && !flow.direct) post_redirect(index, flow.expires - now, now);
  return {Inserted::done, index};
}

void FlowTable::move(std::uint32_t index, FlowState state, Ticks lifetime, Ticks now) {
  const bool changed = flows_[index].state != state;
  set_state(index, state);
  flows_[index].expires = now + lifetime;
  if (shared_ && !flows_[index].direct && (changed || reached(now, posted_[index])))
    post_redirect(index, lifetime, now);
}

void FlowTable::close(std::uint32_t index, Ticks lifetime, Ticks now) {
  Flow& flow = flows_[index];
  set_state(index, FlowState::closed);
  if (!reached(now + lifetime, flow.expires)) flow.expires = now + lifetime;
}

void FlowTable::remove(std::uint32_t index, Ticks now) {
  ++removals_;
  const Flow& flow = flows_[index];
  const bool local = flow.local != 0;
  displace(hash_of(flow.forward_key(), seed_), reference_of(Side::forward, index, local));
  if (!flow.direct) {
    const FlowKey reply = reply_key(index);
    displace(hash_of(reply, seed_), reference_of(Side::reply, index, local));
    if (local && locals_[index].port != 0) end_local(index, reply, now);
  }
  if (slots_ != nullptr) slots_->add(flow.backend_id, 1, 0);
  set_state(index, FlowState::unused);
  give_back(index);
  stats_.live.set(--live_);
}

/// A backend that never answered has nothing to remember the port by.
void FlowTable::end_local(std::uint32_t index, const FlowKey& reply, Ticks now) {
  const Flow& flow = flows_[index];
  const LocalEnd& end = locals_[index];
  const bool rests = flow.protocol == ip_protocol::kTcp && flow.state != FlowState::opening;
  ports_.ended(flow.backend_id, reply, rests ? end.rest : 0, now);
  if (slots_ != nullptr) slots_->add(end.in_use, 0, ~std::uint64_t{0});  // one less
}

void FlowTable::age(Ticks now, unsigned records) {
  for (unsigned n = live_ == 0 ? 0 : std::min(records, capacity()); n != 0; --n) {
    const std::uint32_t index = age_hand_;
    age_hand_ = age_hand_ + 1 == capacity() ? 0 : age_hand_ + 1;
    const Flow& flow = flows_[index];
    const std::uint32_t ahead = index + kAgeAhead;
    __builtin_prefetch(&flows_[ahead < capacity() ? ahead : 0]);
    if (flow.state == FlowState::unused || !reached(now, flow.expires)) continue;
    stats_.expired.add(1);
    remove(index, now);
  }
  for (unsigned n = redirects_live_ == 0 ? 0 : std::min(records, capacity()); n != 0; --n) {
    const std::uint32_t index = redirect_hand_;
    redirect_hand_ = redirect_hand_ + 1 == capacity() ? 0 : redirect_hand_ + 1;
    if (redirects_[index].used && reached(now, redirects_[index].expires)) remove_redirect(index);
  }
}

}  // namespace sluice::balancer
