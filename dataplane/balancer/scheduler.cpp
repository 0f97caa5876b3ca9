#include "dataplane/balancer/scheduler.hpp"

#include <array>

namespace sluice::balancer {
namespace {

/// Backends that least_connections compares. Best of 16 drawn is within a flow or two of the least
/// loaded of thousands (the gap grows as log log n / log 16), at a cost that does not grow; a heap
/// would be exact, but moved by every flow that ends, for every service, on the path of known
/// flows.
constexpr unsigned kCompared = 16;
/// Slots looked at for a second backend.
constexpr unsigned kOtherTries = 8;

/// Well mixed bits of a hash, others for each n.
std::uint64_t drawn(std::uint64_t hash, std::uint64_t n) {
  std::uint64_t x = hash + n * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111eb;
  return x ^ (x >> 31U);
}

/// With the flow to come at either, `a` would have fewer for its weight.
bool lighter(const CounterBlock& counts, const Backend& a, const Backend& b) {
  return (flows_at(counts, a) + 1) * b.weight < (flows_at(counts, b) + 1) * a.weight;
}

class Comparison {
 public:
  explicit Comparison(const Beginning& flow)
      : counts_(flow.counts),
        members_(flow.services.backends().data() + flow.service.first_backend) {}

  /// Of few, each; from a place left to chance on, so that equals share.
  const Backend* least_of(const std::vector<std::uint16_t>& all, std::uint64_t luck) const {
    const std::size_t begin = static_cast<std::size_t>(luck % all.size());
    const Backend* best = members_ + all[begin];
    for (std::size_t n = 1; n < all.size(); ++n) {
      const std::size_t at = begin + n < all.size() ? begin + n : begin + n - all.size();
      const Backend* other = members_ + all[at];
      if (lighter(counts_, *other, *best)) best = other;
    }
    return best;
  }

  /// Of many, those that the table's slots name: drawn by weight.
  const Backend* least_drawn(const MaglevTable& table, std::uint64_t luck) const {
    std::array<const Backend*, kCompared> all;
    for (unsigned n = 0; n < kCompared; ++n) {
      all[n] = members_ + table.choose(drawn(luck, n));
      __builtin_prefetch(all[n]);
    }
    for (const Backend* one : all) counts_.prefetch(one->id());
    const Backend* best = all[0];
    for (const Backend* one : all)
      if (lighter(counts_, *one, *best)) best = one;
    return best;
  }

  const Backend* lighter_of_two(const MaglevTable& table, std::uint64_t luck) const {
    const Backend* one = members_ + table.choose(drawn(luck, 0));
    const Backend* other = one;
    for (unsigned n = 1; other == one && n <= kOtherTries; ++n)
      other = members_ + table.choose(drawn(luck, n));
    return lighter(counts_, *other, *one) ? other : one;
  }

 private:
  const CounterBlock& counts_;
  const Backend* members_;
};

/// Another draw for another attempt.
std::uint64_t luck_of(const Beginning& flow, unsigned attempt) {
  return drawn(flow.hash, std::uint64_t{attempt} << 32U);
}

IpAddress client_of(const Beginning& flow) {
  const Persistence& persistence = flow.service.persistence;
  return Prefix{flow.key.source, persistence.prefixes[family_of(flow.key.source)]}
      .network()
      .address;
}

}  // namespace

std::size_t Scheduling::turn_of(const Beginning& flow) const {
  return std::size_t{flow.service.slots.flows} * 2 + family_of(flow.key.destination);
}

const Backend* Scheduling::in_turn(const Beginning& flow, unsigned attempt) const {
  const Lineup& lineup = *flow.service.lineups[family_of(flow.key.destination)];
  const std::size_t place = turn_of(flow);
  const std::uint64_t turn = (place < turns_.size() ? turns_[place] : 0) + std::uint64_t{attempt};
  return &flow.services.backends()[flow.service.first_backend +
                                   lineup.members[lineup.rotation.member(turn)]];
}

const Backend* Scheduling::remembered(const Beginning& flow) const {
  const std::uint32_t id = clients_.find(flow.service.slots.flows, client_of(flow), flow.now);
  const Backend* backend = id == kNoSlot ? nullptr : flow.services.backend_by_id(id);
  if (backend == nullptr || &flow.services.service_of(*backend) != &flow.service) return nullptr;
  return backend->takes(family_of(flow.key.destination)) ? backend : nullptr;
}

const Backend* Scheduling::choose(const Beginning& flow, unsigned attempt) const {
  const unsigned family = family_of(flow.key.destination);
  const MaglevTable* table = flow.service.tables[family].get();
  if (table == nullptr || table->empty()) return nullptr;
  if (flow.service.persistence.lifetime != 0 && attempt == 0)
    if (const Backend* backend = remembered(flow)) return backend;
  const std::uint64_t luck = luck_of(flow, attempt);
  switch (flow.service.scheduler) {
    case Scheduler::weighted_round_robin:
      return in_turn(flow, attempt);
    case Scheduler::least_connections: {
      const Lineup& lineup = *flow.service.lineups[family];
      // The least loaded one is tried once: it would be found again.
      if (attempt == 0 && lineup.members.size() <= kCompared)
        return Comparison(flow).least_of(lineup.members, luck);
      if (attempt == 0) return Comparison(flow).least_drawn(*table, luck);
      break;
    }
    case Scheduler::random_of_two:
      return Comparison(flow).lighter_of_two(*table, luck);
    case Scheduler::maglev:
    case Scheduler::source_hash:
      break;
  }
  return flow.services.choose(flow.service, flow.key, attempt);
}

void Scheduling::begun(const Beginning& flow, const Backend& backend) {
  const std::size_t turn = turn_of(flow);
  if (turn < turns_.size()) ++turns_[turn];
  if (flow.service.persistence.lifetime == 0) return;
  clients_.note(flow.service.slots.flows, client_of(flow), backend.id(),
                flow.service.persistence.lifetime, flow.now);
}

void Scheduling::borrow(const Scheduling& live, const Beginning& flow) {
  const std::size_t turn = turn_of(flow);
  if (turn < turns_.size() && turn < live.turns_.size()) turns_[turn] = live.turns_[turn];
  if (flow.service.persistence.lifetime != 0)
    clients_.borrow(live.clients_, flow.service.slots.flows, client_of(flow), flow.now);
}

}  // namespace sluice::balancer
