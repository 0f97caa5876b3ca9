/// The choice of a backend for a flow that begins: one worker's part in it.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/balancer/schedule/persistence.hpp"
#include "dataplane/balancer/service_table.hpp"

namespace sluice::balancer {

/// A flow that begins, and what of the worker and the moment its backend may depend on.
struct Beginning {
  const ServiceTable& services;
  const Service& service;
  const FlowKey& key;
  const CounterBlock& counts;  ///< of the worker: its flows at each backend
  std::uint64_t hash = 0;      ///< of the key, with a secret of the process: what is left to chance
  Ticks now = 0;
};

/// Whose turn it is, and which client was where. Loads are no part of it: the flows that a worker
/// has at a backend are the difference of two counters under Backend::id(), right across snapshots,
/// and whatever ended the flows.
class Scheduling {
 public:
  /// `slots` as of the worker's CounterBlock.
  Scheduling(std::uint32_t slots, std::uint16_t worker, std::uint32_t clients, const HashSeed& seed)
      : turns_(std::size_t{slots} * 2, worker * 0x9e3779b9U), clients_(clients, seed) {}

  /// The backend for a flow that begins; null: none of its family takes any. The n-th `attempt` is
  /// for flows whose replies could not be told from another's at the backends before.
  [[nodiscard]] const Backend* choose(const Beginning& flow, unsigned attempt = 0) const;
  /// The flow has begun at `backend`.
  void begun(const Beginning& flow, const Backend& backend);

  /// For a rehearsal: takes over from a worker what choose() would ask for.
  void borrow(const Scheduling& live, const Beginning& flow);

  [[nodiscard]] const PersistenceTable& clients() const { return clients_; }

 private:
  [[nodiscard]] std::size_t turn_of(const Beginning& flow) const;
  [[nodiscard]] const Backend* remembered(const Beginning& flow) const;
  [[nodiscard]] const Backend* in_turn(const Beginning& flow, unsigned attempt) const;

  /// Flows begun, by service and family; workers begin at different turns.
  std::vector<std::uint32_t> turns_;
  PersistenceTable clients_;
};

}  // namespace sluice::balancer
