/// When a backend counts as alive: a state machine over the results of its checks. No sockets, no
/// clock.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/runtime/clock.hpp"

namespace sluice::health {

enum class Health : std::uint8_t {
  unknown,  ///< nothing is decided yet: it gets flows
  healthy,
  unhealthy,
};
/// "healthy", "unhealthy" or "unknown".
[[nodiscard]] std::string_view name_of(Health health);

/// How often is checked, and how many results decide.
struct Rhythm {
  Nanoseconds interval = 2 * kSecond;
  Nanoseconds fast_interval = kSecond / 2;  ///< while in doubt
  Nanoseconds timeout = kSecond;
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;

  auto operator<=>(const Rhythm&) const = default;
};

/// `fall` failures in a row make a backend unhealthy, `rise` successes healthy again; the first
/// success of all decides at once. One that keeps failing needs twice as many successes each time,
/// up to 16 times `rise`; each minute without a change takes one doubling back.
class Standing {
 public:
  static constexpr unsigned kDoublingsMax = 4;
  static constexpr Nanoseconds kForgiven = 60 * kSecond;

  /// A check has passed, or failed. True: health is another now.
  bool passed(const Rhythm& rhythm, Nanoseconds now);
  bool failed(const Rhythm& rhythm, Nanoseconds now);
  /// Other questions will be asked: what is decided holds, what was counted does not.
  void begin_anew() { in_row_ = 0; }

  [[nodiscard]] Health health() const { return health_; }
  /// From the begin of one check to that of the next, before jitter.
  [[nodiscard]] Nanoseconds wait(const Rhythm& rhythm) const;
  /// Successes in a row that an unhealthy backend needs.
  [[nodiscard]] std::uint32_t rise_needed(const Rhythm& rhythm) const;

 private:
  bool become(Health health, Nanoseconds now);

  Health health_ = Health::unknown;
  std::uint32_t in_row_ = 0;  ///< results that speak against `health_`
  unsigned doublings_ = 0;
  Nanoseconds changed_ = 0;
};

/// The wait, a tenth shorter or longer at most, by a random number.
[[nodiscard]] Nanoseconds jittered(Nanoseconds wait, std::uint32_t random);

/// From nothing to the whole, by a random number.
[[nodiscard]] Nanoseconds share_of(Nanoseconds whole, std::uint32_t random);

}  // namespace sluice::health
