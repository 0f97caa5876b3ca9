/// A desired state into force: compiled beside the live snapshot, then swapped for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/model/compile.hpp"
#include "dataplane/agent/drain_book.hpp"
#include "dataplane/agent/health_book.hpp"
#include "dataplane/packet/snapshot.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/publisher.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::agent {

/// Used by the control thread.
class Applier {
 public:
  /// What depends on the state but is not the workers': host addresses, early-drop lists. Called
  /// after the swap with what the live snapshot was compiled from.
  using Follow = std::function<void(const Sources&)>;

  /// `clock` is the workers'.
  Applier(Publisher<Snapshot>& publisher, SlotRegistry& slots, Clock& clock, model::NodeFacts facts,
          Follow follow)
      : publisher_(publisher),
        slots_(slots),
        clock_(clock),
        facts_(std::move(facts)),
        follow_(std::move(follow)) {}

  /// Empty: the snapshot is live. Otherwise everything that is wrong with it, and the one that was
  /// live still is. `places`, where known, adds files and lines to the problems.
  [[nodiscard]] std::vector<v1::Problem> apply(const v1::Snapshot& snapshot,
                                               const model::Places* places = nullptr);

  /// Puts into force what checks have decided about backends of the live snapshot, by building the
  /// tables of their services anew beside it. It holds for snapshots to come as well. Returns how
  /// many backends changed; what the live snapshot does not check is passed over.
  std::size_t set_health(const v1::Health& health);
  /// What is known of the backends of the live snapshot.
  [[nodiscard]] v1::Health health() const { return health_.all(); }

  /// Revision of the live snapshot, 0 before the first.
  [[nodiscard]] std::uint64_t revision() const;

 private:
  void keep(HealthBook health, balancer::Source balancer);

  Publisher<Snapshot>& publisher_;
  SlotRegistry& slots_;
  Clock& clock_;
  model::NodeFacts facts_;
  Follow follow_;
  HealthBook health_;
  DrainBook drains_;
  balancer::Source balancer_;                         ///< what the live snapshot was compiled from
  std::map<std::string, std::size_t> service_index_;  ///< in balancer_.services
};

}  // namespace sluice::agent
