#include "control/health/roster.hpp"

#include <gtest/gtest.h>

#include "tests/unit/health/targets.hpp"

namespace sluice::health {
namespace {

constexpr Nanoseconds kStart = 1'000 * kSecond;

std::vector<Target> some(int count) {
  std::vector<Target> out;
  for (int i = 0; i < count; ++i) out.push_back(target_of("be" + std::to_string(i)));
  return out;
}

/// Takes and finishes what is due until `end`; the changes there were.
std::vector<Roster::Change> run(Roster& roster, Nanoseconds begin, Nanoseconds end,
                                const Outcome& outcome) {
  std::vector<Roster::Change> changes;
  for (Nanoseconds now = begin; now < end; now += kMillisecond) {
    while (auto due = roster.take_due(now)) {
      if (auto change = roster.finish(due->id, outcome, now, now, now / kSecond)) {
        changes.push_back(*change);
      }
    }
  }
  return changes;
}

TEST(Roster, EverybodyIsCheckedOnceAnIntervalSpreadFromTheStart) {
  Roster roster(100, 1);
  roster.configure(some(50), kStart);
  std::size_t early = 0;
  for (Nanoseconds now = kStart; now < kStart + 2 * kSecond; now += kMillisecond) {
    while (auto due = roster.take_due(now)) {
      early += now < kStart + kSecond ? 1 : 0;
      roster.finish(due->id, Outcome::pass(""), now, now, 0);
    }
  }
  for (const Status& status : roster.status()) EXPECT_GE(2U, status.outcomes[0]);
  for (const Status& status : roster.status()) EXPECT_LE(1U, status.outcomes[0]);
  EXPECT_GT(early, 10U);
  EXPECT_LT(early, 40U);
}

TEST(Roster, NoMoreThanTheLimitAreUnderWay) {
  Roster roster(3, 1);
  roster.configure(some(10), kStart);
  std::vector<std::uint64_t> taken;
  while (auto due = roster.take_due(kStart + 10 * kSecond)) taken.push_back(due->id);
  EXPECT_EQ(3U, taken.size());
  EXPECT_FALSE(roster.due_at());
  EXPECT_EQ(3U, roster.late());
  const Nanoseconds now = kStart + 10 * kSecond;
  roster.finish(taken[0], Outcome::pass(""), now, now, 0);
  EXPECT_TRUE(roster.take_due(now));
  EXPECT_FALSE(roster.take_due(now));
}

TEST(Roster, AChangeIsToldWithItsReasonAndTime) {
  Roster roster(10, 1);
  roster.configure(some(1), kStart);
  EXPECT_EQ(1U, run(roster, kStart, kStart + 3 * kSecond, Outcome::pass("connected")).size());
  const auto changes =
      run(roster, kStart + 3 * kSecond, kStart + 9 * kSecond, Outcome::fail("HTTP 503"));
  ASSERT_EQ(1U, changes.size());
  EXPECT_EQ(Health::healthy, changes[0].before);
  EXPECT_EQ(Health::unhealthy, changes[0].status.health);
  EXPECT_EQ("HTTP 503", changes[0].status.reason);
  EXPECT_GE(changes[0].status.since_unix, 1'003U);
  const Status status = roster.status("web").at(0);
  EXPECT_EQ(changes[0].status.since_unix, status.since_unix);
  EXPECT_EQ(1U, roster.durations().count("web"));
}

TEST(Roster, WhatDidNotRunSaysNothing) {
  Roster roster(10, 1);
  roster.configure(some(1), kStart);
  EXPECT_EQ(0U, run(roster, kStart, kStart + 60 * kSecond, Outcome::none("no way")).size());
  const Status status = roster.status().at(0);
  EXPECT_EQ(Health::unknown, status.health);
  EXPECT_EQ("no way", status.reason);
}

TEST(Roster, AnotherStateKeepsTheHealthOfWhoIsStillChecked) {
  Roster roster(10, 1);
  roster.configure(some(3), kStart);
  run(roster, kStart, kStart + 20 * kSecond, Outcome::fail("refused"));
  auto wanted = some(4);
  wanted.erase(wanted.begin());
  wanted[0].port = 8081;  // other questions to the same backend
  const auto gone = roster.configure(wanted, kStart + 20 * kSecond);
  ASSERT_EQ(1U, gone.size());
  EXPECT_EQ("be0", std::get<1>(gone[0]));
  const auto status = roster.status();
  ASSERT_EQ(3U, status.size());
  EXPECT_EQ(Health::unhealthy, status[0].health);
  EXPECT_EQ(Health::unhealthy, status[1].health);
  EXPECT_EQ(Health::unknown, status[2].health);
  EXPECT_EQ(2U,
            run(roster, kStart + 20 * kSecond, kStart + 30 * kSecond, Outcome::pass("")).size() - 1)
      << "two come back, one is decided for the first time";
}

TEST(Roster, WhatIsUnderWayWhenItsTargetGoesIsForgotten) {
  Roster roster(1, 1);
  roster.configure(some(1), kStart);
  const auto due = roster.take_due(kStart + 3 * kSecond);
  ASSERT_TRUE(due);
  roster.configure({}, kStart + 3 * kSecond);
  EXPECT_EQ(1U, roster.under_way());
  EXPECT_FALSE(roster.finish(due->id, Outcome::pass(""), kStart, kStart, 0));
  EXPECT_EQ(0U, roster.under_way());
  EXPECT_EQ(0U, roster.size());
  EXPECT_TRUE(roster.durations().empty());
}

}  // namespace
}  // namespace sluice::health
