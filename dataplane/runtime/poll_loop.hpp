/// The loop of a polling thread: turn after turn, with the idle policy between them.
#pragma once

#include <atomic>

#include <emmintrin.h>

#include "dataplane/runtime/counters.hpp"
#include "dataplane/runtime/idle.hpp"

namespace sluice {

/// How a polling thread spent its time. The thread that polls is the only writer. Busy, polling and
/// sleeping nanoseconds add up to the time since the loop began.
struct LoopCounters {
  Counter turns;
  Counter busy_turns;
  Counter sleeps;
  Counter busy;      ///< nanoseconds in turns that had something to do
  Counter polling;   ///< nanoseconds in turns that had not
  Counter sleeping;  ///< nanoseconds asleep
};

/// Calls turn(now), which says whether there was something to do, until `stop`. Between idle turns
/// it pauses, or calls sleep(nanoseconds) when the policy says so. The clock is read once a turn.
template <class Turn, class Sleep>
void poll_until(const std::atomic<bool>& stop, Clock& clock, const IdleLimits& limits,
                LoopCounters& counters, Turn&& turn, Sleep&& sleep) {
  Nanoseconds now = clock.now();
  Nanoseconds last_work = now;
  while (!stop.load(std::memory_order_relaxed)) {
    const bool busy = turn(now);
    Nanoseconds after = clock.now();
    counters.turns.add(1);
    if (busy) {
      counters.busy_turns.add(1);
      counters.busy.add(after - now);
      last_work = after;
    } else {
      counters.polling.add(after - now);
      const Nanoseconds rest = idle_sleep(after - last_work, limits);
      if (rest == 0) {
        _mm_pause();
      } else {
        sleep(rest);
        const Nanoseconds woken = clock.now();
        counters.sleeps.add(1);
        counters.sleeping.add(woken - after);
        after = woken;
      }
    }
    now = after;
  }
}

}  // namespace sluice
