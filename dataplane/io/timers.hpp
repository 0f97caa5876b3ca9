/// A hierarchical timing wheel: setting, cancelling and firing cost a few pointers each, however
/// many timers there are (Varghese and Lauck, SOSP 1987). Deterministic: equal times fire in the
/// order set.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/runtime/clock.hpp"

namespace sluice::io {

/// One timer, owned by whoever waits; it must be cancelled before it is destroyed, or have fired.
class Timer {
 public:
  using Fire = void (*)(void* argument);

  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  [[nodiscard]] bool is_set() const { return previous_ != nullptr; }

 private:
  friend class Timers;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  Nanoseconds when_ = 0;
  Fire fire_ = nullptr;
  void* argument_ = nullptr;
};

class Timers {
 public:
  /// Resolution: a timer fires at most this late, never early.
  static constexpr Nanoseconds kTick = kMillisecond;

  explicit Timers(Nanoseconds now);

  /// `fire(argument)` is called by the advance() that reaches `when`. Setting again moves it.
  void set(Timer& timer, Nanoseconds when, Timer::Fire fire, void* argument);
  void cancel(Timer& timer);
  /// Fires everything that is due. Timers set by what fires are honoured too, if due.
  void advance(Nanoseconds now);
  /// A time not later than when the next timer is due, or `none` if there is no timer.
  [[nodiscard]] Nanoseconds next(Nanoseconds none) const;
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  static constexpr unsigned kBits = 8, kSlots = 1U << kBits, kLevels = 4;

  void link(Timer& timer);
  static void unlink(Timer& timer);
  void cascade(unsigned level);
  void fire_slot();

  std::array<std::array<Timer, kSlots>, kLevels> wheel_;  // heads of circular lists
  std::uint64_t tick_;                                    // all before it have fired
  std::uint64_t size_ = 0;
};

}  // namespace sluice::io
