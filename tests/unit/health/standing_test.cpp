#include "control/health/standing.hpp"

#include <gtest/gtest.h>

namespace sluice::health {
namespace {

constexpr Rhythm kRhythm{.rise = 2, .fall = 3};

/// Fails until it is unhealthy; the number of failures that took.
int fail_until_down(Standing& standing, Nanoseconds now) {
  for (int i = 1;; ++i) {
    if (standing.failed(kRhythm, now)) return i;
  }
}
int pass_until_up(Standing& standing, Nanoseconds now) {
  for (int i = 1;; ++i) {
    if (standing.passed(kRhythm, now)) return i;
  }
}

TEST(Standing, TheFirstSuccessDecidesAtOnce) {
  Standing standing;
  EXPECT_EQ(Health::unknown, standing.health());
  EXPECT_TRUE(standing.passed(kRhythm, kSecond));
  EXPECT_EQ(Health::healthy, standing.health());
}

TEST(Standing, WhatWasNeverSeenToLiveDiesAfterAsManyFailuresAsAnother) {
  Standing standing;
  EXPECT_EQ(3, fail_until_down(standing, kSecond));
  EXPECT_EQ(Health::unhealthy, standing.health());
}

TEST(Standing, OnlyFailuresInARowCount) {
  Standing standing;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(i == 0, standing.passed(kRhythm, kSecond));
    EXPECT_FALSE(standing.failed(kRhythm, kSecond));
    EXPECT_FALSE(standing.failed(kRhythm, kSecond));
  }
  EXPECT_EQ(Health::healthy, standing.health());
}

TEST(Standing, OnlySuccessesInARowBringItBack) {
  Standing standing;
  fail_until_down(standing, kSecond);
  EXPECT_FALSE(standing.passed(kRhythm, kSecond));
  EXPECT_FALSE(standing.failed(kRhythm, kSecond));
  EXPECT_FALSE(standing.passed(kRhythm, kSecond));
  EXPECT_TRUE(standing.passed(kRhythm, kSecond));
  EXPECT_EQ(Health::healthy, standing.health());
}

TEST(Standing, AsksFasterWhileInDoubt) {
  Standing standing;
  EXPECT_EQ(kRhythm.interval, standing.wait(kRhythm));
  standing.failed(kRhythm, kSecond);
  EXPECT_EQ(kRhythm.fast_interval, standing.wait(kRhythm));
  fail_until_down(standing, kSecond);
  EXPECT_EQ(kRhythm.interval, standing.wait(kRhythm));
  standing.passed(kRhythm, kSecond);
  EXPECT_EQ(kRhythm.fast_interval, standing.wait(kRhythm));
}

TEST(Standing, TheFastIntervalIsNeverTheSlowerOne) {
  Standing standing;
  standing.failed(kRhythm, kSecond);
  EXPECT_EQ(kSecond / 4, standing.wait({.interval = kSecond / 4, .fast_interval = kSecond}));
}

TEST(Standing, FlappingNeedsMoreSuccessesEachTimeUpToALimit) {
  Standing standing;
  Nanoseconds now = kSecond;
  std::vector<int> needed;
  for (int i = 0; i < 7; ++i, now += kSecond) {
    fail_until_down(standing, now);
    needed.push_back(pass_until_up(standing, now));
  }
  EXPECT_EQ((std::vector<int>{2, 4, 8, 16, 32, 32, 32}), needed);
}

TEST(Standing, CalmMinutesAreForgiving) {
  Standing standing;
  Nanoseconds now = kSecond;
  for (int i = 0; i < 3; ++i) {
    fail_until_down(standing, now);
    pass_until_up(standing, now);
  }
  now += 2 * Standing::kForgiven;  // of three doublings one is left
  fail_until_down(standing, now);
  EXPECT_EQ(4, pass_until_up(standing, now));
  now += 100 * Standing::kForgiven;
  fail_until_down(standing, now);
  EXPECT_EQ(2, pass_until_up(standing, now));
}

TEST(Standing, JitterIsATenthAtMost) {
  EXPECT_EQ(1800 * kMillisecond, jittered(2 * kSecond, 0));
  EXPECT_NEAR(2200.0 * kMillisecond, static_cast<double>(jittered(2 * kSecond, UINT32_MAX)), 1e5);
  EXPECT_GT(jittered(86'400 * kSecond, UINT32_MAX), 86'400 * kSecond);
}

}  // namespace
}  // namespace sluice::health
