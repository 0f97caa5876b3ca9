/// All targets: which is due, what its checks said, whether it lives. One thread; no sockets, and
/// time is passed in.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/health/outcome.hpp"
#include "control/health/standing.hpp"
#include "control/health/target.hpp"

namespace sluice::health {

/// One target as operators see it.
struct Status {
  Key key;
  Health health = Health::unknown;
  std::string reason;                       ///< of the last check
  std::uint64_t since_unix = 0;             ///< seconds; 0: unknown
  std::uint64_t checked_unix = 0;           ///< seconds; 0: never
  std::array<std::uint64_t, 3> outcomes{};  ///< by Outcome::Kind
};

/// How long the checks of a service took: those of at most kBounds[i] seconds and not of fewer.
struct Durations {
  static constexpr std::array<double, 8> kBounds{0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1};
  std::array<std::uint64_t, kBounds.size() + 1> counts{};
  double sum = 0;  ///< seconds
};

class Roster {
 public:
  /// A check that begins later than this after its time is counted as late.
  static constexpr Nanoseconds kLate = kSecond;

  /// At most `at_once` checks are under way. The seed spreads them.
  Roster(std::uint32_t at_once, std::uint32_t seed) : at_once_(at_once), random_(seed) {}

  /// These are to be checked now. Who was checked already keeps its health. Returns those that are
  /// no longer.
  std::vector<Key> configure(std::vector<Target> wanted, Nanoseconds now);

  /// A check to begin.
  struct Due {
    std::uint64_t id = 0;  ///< for finish()
    std::shared_ptr<const Target> target;
  };
  /// The next check whose time has come; nothing if there is none, or enough are under way. Each
  /// one taken is to be finished.
  [[nodiscard]] std::optional<Due> take_due(Nanoseconds now);
  /// When take_due() is worth another try; nothing: not before a check is finished.
  [[nodiscard]] std::optional<Nanoseconds> due_at() const;

  /// A target's health is another now.
  struct Change {
    Status status;
    Health before = Health::unknown;
  };
  /// What a check said that began at `begun`. `unix` is the time for people, in seconds.
  std::optional<Change> finish(std::uint64_t id, Outcome outcome, Nanoseconds begun,
                               Nanoseconds now, std::uint64_t unix);

  /// All of them, or those of one service, by name.
  [[nodiscard]] std::vector<Status> status(const std::string& service = {}) const;
  [[nodiscard]] const std::map<std::string, Durations>& durations() const { return durations_; }
  [[nodiscard]] std::uint64_t late() const { return late_; }
  [[nodiscard]] std::uint32_t under_way() const { return under_way_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const Target> target;
    Standing standing;
    Status status;
    Nanoseconds due = 0;  ///< 0: under way
  };
  void add(Target target, Nanoseconds now, const Entry* before);
  void schedule(std::uint64_t id, Entry& entry, Nanoseconds at);
  void remove(std::uint64_t id);
  std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }

  const std::uint32_t at_once_;
  std::mt19937 random_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::map<Key, std::uint64_t> ids_;
  std::set<std::pair<Nanoseconds, std::uint64_t>> waiting_;
  std::map<std::string, Durations> durations_;
  std::uint64_t last_id_ = 0;
  std::uint32_t under_way_ = 0;
  std::uint64_t late_ = 0;
};

}  // namespace sluice::health
