/// Time, passed in and never reached for: only the owner of a loop reads a clock, once a turn.
#pragma once

#include <cstdint>

namespace sluice {

/// Nanoseconds of a monotonic clock (CLOCK_MONOTONIC in production, virtual in simulation).
using Nanoseconds = std::uint64_t;

inline constexpr Nanoseconds kMicrosecond = 1'000;
inline constexpr Nanoseconds kMillisecond = 1'000'000;
inline constexpr Nanoseconds kSecond = 1'000'000'000;

/// The seam between a loop and time.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Nanoseconds now() = 0;
};

}  // namespace sluice
