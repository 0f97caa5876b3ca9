/// What a polling thread does when there is nothing to do. A pure decision: it neither reads the
/// clock nor sleeps, the loop that asks does.
#pragma once

#include <algorithm>

#include "dataplane/runtime/clock.hpp"

namespace sluice {

enum class IdleMode : std::uint8_t {
  back_off,  ///< polls hard for a while, then sleeps shortly, then up to a limit
  poll,      ///< never sleeps
};

struct IdleLimits {
  IdleMode mode = IdleMode::back_off;
  Nanoseconds spin = 50 * kMicrosecond;  ///< polls on for this long after the last work
  Nanoseconds sleep_min = 5 * kMicrosecond;
  Nanoseconds sleep_max = kMillisecond;
};

/// How long to sleep now, 0 for polling on, after `idle` without work. A sleep is at most an eighth
/// of the idle time so far: what arrives after a pause waits for an eighth of that pause at most,
/// and a thread that stays idle reaches sleep_max within milliseconds.
[[nodiscard]] inline Nanoseconds idle_sleep(Nanoseconds idle, const IdleLimits& limits) {
  if (limits.mode == IdleMode::poll || idle < limits.spin) return 0;
  return std::clamp(idle / 8, limits.sleep_min, limits.sleep_max);
}

}  // namespace sluice
