#include "dataplane/runtime/poll_loop.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

/// Every reading is a microsecond after the one before.
class SteppingClock final : public Clock {
 public:
  Nanoseconds now() override { return now_ += kMicrosecond; }
  void advance(Nanoseconds by) { now_ += by; }

 private:
  Nanoseconds now_ = 0;
};

struct Outcome {
  LoopCounters counters;
  std::vector<Nanoseconds> sleeps;
};

/// Runs `turns` turns of which those before `busy` have work.
void run(unsigned turns, unsigned busy, const IdleLimits& limits, Outcome& outcome) {
  SteppingClock clock;
  std::atomic<bool> stop{false};
  unsigned done = 0;
  poll_until(
      stop, clock, limits, outcome.counters,
      [&](Nanoseconds) {
        if (++done == turns) stop = true;
        return done <= busy;
      },
      [&](Nanoseconds rest) {
        outcome.sleeps.push_back(rest);
        clock.advance(rest);
      });
}

TEST(PollLoop, NeverSleepsUnderLoad) {
  Outcome outcome;
  run(1000, 1000, IdleLimits{}, outcome);
  EXPECT_TRUE(outcome.sleeps.empty());
  EXPECT_EQ(1000U, outcome.counters.busy_turns.value());
  EXPECT_EQ(1000 * kMicrosecond, outcome.counters.busy.value());
}

TEST(PollLoop, SleepsLongerTheLongerNothingComes) {
  Outcome outcome;
  run(1000, 10, IdleLimits{}, outcome);
  ASSERT_FALSE(outcome.sleeps.empty());
  EXPECT_TRUE(std::is_sorted(outcome.sleeps.begin(), outcome.sleeps.end()));
  EXPECT_EQ(kMillisecond, outcome.sleeps.back());
  EXPECT_EQ(outcome.sleeps.size(), outcome.counters.sleeps.value());
  EXPECT_GE(outcome.counters.polling.value(), IdleLimits{}.spin - kMicrosecond)
      << "it polls on for a while first";
}

TEST(PollLoop, PurePollingNeverSleeps) {
  Outcome outcome;
  run(1000, 0, IdleLimits{.mode = IdleMode::poll}, outcome);
  EXPECT_TRUE(outcome.sleeps.empty());
  EXPECT_EQ(1000U, outcome.counters.turns.value());
}

}  // namespace
}  // namespace sluice
