/// The control thread's work with a control daemon: takes states from it, puts them into force,
/// keeps the last good one on disk, and reports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/agent/plane.hpp"
#include "dataplane/agent/state_file.hpp"
#include "dataplane/agent/steering.hpp"
#include "dataplane/agent/steering_client.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::agent {

/// Who this data plane is.
struct Identity {
  std::string node;
  std::string version;
  std::uint32_t workers = 0;
  std::uint64_t start_time_unix = 0;
};

class Agent final : public Steering {
 public:
  static constexpr Nanoseconds kReportInterval = kSecond;
  static constexpr Nanoseconds kSaveRetryInterval = 10 * kSecond;
  static constexpr Nanoseconds kHealthSaveInterval = kSecond;  ///< however often it changes

  Agent(Identity identity, SteeringOptions steering, StateFile file, Plane& plane);

  /// Puts the last good snapshot on disk into force, if there is one, with the health of backends
  /// that was last known. What is wrong with it is logged: the data plane then waits for the
  /// control daemon with what it has.
  [[nodiscard]] std::vector<v1::Problem> begin() override;
  /// Handles what has come in, and reports when it is time.
  void turn(Nanoseconds now) override;
  void reload() override;

  /// Revision in force, 0 for none.
  [[nodiscard]] std::uint64_t revision() const { return live_.revision(); }

 private:
  [[nodiscard]] v1::Hello hello();
  void handle(Nanoseconds now, const v1::ToDataplane& message);
  void take_snapshot(Nanoseconds now, const v1::Snapshot& snapshot);
  void refuse(std::uint64_t revision, std::vector<v1::Problem> problems);
  void save(Nanoseconds now);
  void take_health(const v1::Health& health);
  void save_health(Nanoseconds now);
  void report();

  Identity identity_;
  StateFile file_;
  Plane& plane_;
  v1::Snapshot live_;        ///< in force
  std::string save_error_;   ///< why live_ is not on disk; empty: it is
  Nanoseconds save_at_ = 0;  ///< when to try again
  bool health_unsaved_ = false;
  Nanoseconds health_save_at_ = 0;  ///< not before
  bool health_save_failed_ = false;
  Nanoseconds report_at_ = 0;
  SteeringClient client_;  ///< last: it asks for hello()
};

}  // namespace sluice::agent
