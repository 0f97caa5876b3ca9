#include <gtest/gtest.h>

#include "dataplane/runtime/idle.hpp"
#include "dataplane/runtime/rate.hpp"

namespace sluice {
namespace {

TEST(IdleSleep, PollsHardRightAfterWork) {
  const IdleLimits limits;
  EXPECT_EQ(0U, idle_sleep(0, limits));
  EXPECT_EQ(0U, idle_sleep(limits.spin - 1, limits));
}

TEST(IdleSleep, GrowsWithTheIdleTimeUpToTheLimit) {
  const IdleLimits limits;
  EXPECT_GE(idle_sleep(limits.spin, limits), limits.sleep_min);
  Nanoseconds last = 0;
  Nanoseconds idle = 0;
  unsigned steps = 0;
  while (last < limits.sleep_max) {
    const Nanoseconds sleep = idle_sleep(idle, limits);
    EXPECT_GE(sleep, last);
    EXPECT_LE(sleep, std::max(limits.sleep_min, idle / 8));
    last = sleep;
    idle += std::max<Nanoseconds>(sleep, kMicrosecond);
    ASSERT_LT(++steps, 1000U);
  }
  EXPECT_LE(idle, 20 * kMillisecond) << "the limit is reached within milliseconds";
  EXPECT_EQ(limits.sleep_max, idle_sleep(3600 * kSecond, limits));
}

TEST(IdleSleep, PurePollingNeverSleeps) {
  const IdleLimits limits{.mode = IdleMode::poll};
  EXPECT_EQ(0U, idle_sleep(3600 * kSecond, limits));
}

TEST(TokenBucket, LetsTheBurstThroughAndThenTheRate) {
  TokenBucket bucket(1000, 10);
  Nanoseconds now = 5 * kSecond;
  unsigned at_once = 0;
  while (bucket.take(now)) ++at_once;
  EXPECT_EQ(10U, at_once);
  now += kMillisecond - 1;
  EXPECT_FALSE(bucket.take(now));
  now += 1;
  EXPECT_TRUE(bucket.take(now));
  EXPECT_FALSE(bucket.take(now));

  unsigned in_a_second = 0;
  for (unsigned step = 0; step < 10'000; ++step) {
    now += kSecond / 10'000;
    if (bucket.take(now)) ++in_a_second;
  }
  EXPECT_EQ(1000U, in_a_second);
}

TEST(TokenBucket, ARestDoesNotFillItBeyondItsBurst) {
  TokenBucket bucket(1'000'000, 3);
  unsigned taken = 0;
  while (bucket.take(3600 * kSecond)) ++taken;
  EXPECT_EQ(3U, taken);
}

}  // namespace
}  // namespace sluice
