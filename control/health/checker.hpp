/// The health checks of a control daemon: one thread that asks every backend and tells who lives.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "control/health/prober.hpp"
#include "control/health/roster.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/state.pb.h"
#include "sluice/v1/steering.pb.h"

namespace sluice::health {

/// What the checks have decided, to be passed on at once.
struct Decisions {
  v1::Health changed;
  v1::Health forgotten;  ///< no longer checked; `healthy` means nothing
};

struct CheckerOptions {
  std::uint32_t at_once = 1'024;                  ///< checks under way
  std::function<void(const Decisions&)> decided;  ///< called by the checker's thread
  /// A data plane drops packets to its host above its rate, answers to checks among them. Absent:
  /// none does. May be called with a lock of the checker held.
  std::function<bool()> way_is_lossy;
  std::function<std::uint64_t()> unix_time;  ///< seconds
};

class Checker {
 public:
  /// The clock outlives it. Error: no descriptors, no thread.
  [[nodiscard]] static Result<std::unique_ptr<Checker>> start(CheckerOptions options, Clock& clock);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  /// Checks the backends of this state from now on. Any thread; does not wait.
  void configure(const v1::DesiredState& state);

  /// All targets, or those of a service. Any thread.
  [[nodiscard]] std::vector<Status> status(const std::string& service = {}) const;
  struct Totals {
    std::map<std::string, Durations> durations;  ///< by service
    std::uint64_t late = 0;                      ///< checks that began later than they should
    std::uint32_t under_way = 0;
  };
  [[nodiscard]] Totals totals() const;

 private:
  Checker(CheckerOptions options, Clock& clock, std::unique_ptr<Prober> prober, std::uint32_t seed);
  void run();
  [[nodiscard]] Nanoseconds begin_due();
  void take_state();
  void take_results(std::span<Prober::Finished> finished);
  void pass_on();

  const CheckerOptions options_;
  Clock& clock_;
  std::unique_ptr<Prober> prober_;
  Decisions decisions_;  ///< not passed on yet; the thread's

  mutable std::mutex mutex_;
  Roster roster_;                              ///< under the mutex
  std::optional<std::vector<Target>> wanted_;  ///< under the mutex: not yet taken
  bool ending_ = false;                        ///< under the mutex
  std::thread thread_;
};

}  // namespace sluice::health
