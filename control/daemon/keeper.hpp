/// The desired state: takes changes, keeps them durably, steers the fleet by them. Safe for several
/// threads; knows nothing of gRPC.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/daemon/fleet.hpp"
#include "control/daemon/store.hpp"
#include "control/health/checker.hpp"
#include "control/model/preview.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/control.pb.h"

namespace sluice::control {

/// Seconds since 1970, for showing to people.
using UnixTime = std::function<std::uint64_t()>;

class Keeper {
 public:
  /// Store, fleet and checker outlive it. Steers the fleet by the stored state at once.
  [[nodiscard]] static Result<std::unique_ptr<Keeper>> start(Store& store, Fleet& fleet,
                                                             health::Checker& checker,
                                                             UnixTime time,
                                                             std::uint32_t revisions_max);

  /// An Error: the store failed, nothing is changed. Problems in the answer: the documents are
  /// wrong, or a data plane refused them; the state in force is the one before.
  [[nodiscard]] Result<v1::ApplyResponse> apply(const v1::ApplyRequest& request,
                                                const std::string& author);
  [[nodiscard]] Result<v1::ApplyResponse> remove(const v1::DeleteRequest& request,
                                                 const std::string& author);
  [[nodiscard]] Result<v1::ApplyResponse> rollback(const v1::RollbackRequest& request,
                                                   const std::string& author);

  [[nodiscard]] Result<v1::GetResponse> get(const v1::GetRequest& request);
  [[nodiscard]] Result<v1::HistoryResponse> history(const v1::HistoryRequest& request);
  [[nodiscard]] std::uint64_t current();

  void set_revisions_max(std::uint32_t revisions_max);

 private:
  Keeper(Store& store, Fleet& fleet, health::Checker& checker, UnixTime time,
         std::uint32_t revisions_max)
      : store_(store),
        fleet_(fleet),
        checker_(checker),
        time_(std::move(time)),
        revisions_max_(revisions_max) {}

  /// What makes a wanted state of the current one: problems instead of it where it cannot.
  struct Wanted {
    v1::DesiredState state;
    std::vector<v1::Problem> problems;
  };
  struct Request {
    std::string author;
    std::string comment;
    std::uint64_t base_revision = 0;
    std::uint32_t wait_milliseconds = 0;
    bool dry_run = false;
    bool guarded = true;             ///< max_disruption of services holds
    std::uint32_t stagger_step = 0;  ///< not 0: a part of the change, the number of it
  };
  /// What a dry run goes on to look at without the lock.
  struct Compared {
    v1::DesiredState before;
    v1::DesiredState after;
  };
  using Edit = std::function<Result<Wanted>(const v1::DesiredState& current)>;

  [[nodiscard]] Result<v1::ApplyResponse> change(const Request& request, const Edit& edit);
  /// The part of change() under the lock; the revision to wait for, or nothing.
  [[nodiscard]] Result<std::optional<std::uint64_t>> decide(const Request& request,
                                                            const Edit& edit,
                                                            v1::ApplyResponse& response,
                                                            Compared& compared);
  /// Changes from the state in force to the wanted one, or, of a staggered change, to the step that
  /// takes its place. Problems: the guard.
  [[nodiscard]] std::vector<v1::Change> compare(const Request& request, v1::DesiredState& wanted,
                                                v1::ApplyResponse& response) const;
  [[nodiscard]] std::vector<v1::Change> compare_step(v1::DesiredState& wanted,
                                                     v1::ApplyResponse& response) const;
  [[nodiscard]] model::Unhealthy unhealthy() const;
  /// What takes longer of a dry run, without the lock: steps, and what becomes of flows.
  void foresee(const Request& request, const Compared& compared, v1::ApplyResponse& response);
  void preview_flows(const Compared& compared, v1::ApplyResponse& response);
  void refused(const std::string& node, const v1::Refuse& refusal);
  void put_in_force(std::uint64_t revision, v1::DesiredState state);
  void add_facts(const v1::Document& document, const std::vector<v1::NodeStatus>& nodes,
                 v1::DocumentFacts& facts) const;

  Store& store_;
  Fleet& fleet_;
  health::Checker& checker_;
  UnixTime time_;
  std::mutex mutex_;
  std::uint32_t revisions_max_;
  std::uint64_t current_ = 0;
  v1::DesiredState state_;
  std::set<std::string> rollout_;  ///< nodes whose refusal takes the current revision back
  v1::Revision last_;              ///< details of the current revision, while it may be refused
};

}  // namespace sluice::control
