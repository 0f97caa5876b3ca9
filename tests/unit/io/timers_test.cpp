#include "dataplane/io/timers.hpp"

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/io/sim_faults.hpp"

namespace sluice::io {
namespace {

struct Fired {
  std::vector<int>* order;
  int name;
  static void fire(void* argument) {
    auto* self = static_cast<Fired*>(argument);
    self->order->push_back(self->name);
  }
};

TEST(Timers, FireInOrderNeverEarlyAndAtMostATickLate) {
  std::vector<int> order;
  Timers timers(0);
  Timer a, b, c;
  Fired fa{&order, 1}, fb{&order, 2}, fc{&order, 3};
  timers.set(a, 30 * kMillisecond, Fired::fire, &fa);
  timers.set(b, 10 * kMillisecond, Fired::fire, &fb);
  timers.set(c, 10 * kMillisecond, Fired::fire, &fc);
  timers.advance(10 * kMillisecond - 1);
  EXPECT_TRUE(order.empty());
  timers.advance(11 * kMillisecond);
  EXPECT_EQ((std::vector{2, 3}), order);
  timers.advance(kSecond);
  EXPECT_EQ((std::vector{2, 3, 1}), order);
  EXPECT_EQ(0U, timers.size());
}

TEST(Timers, CancelledAndMovedOnesDoNotFire) {
  std::vector<int> order;
  Timers timers(0);
  Timer a, b;
  Fired fa{&order, 1}, fb{&order, 2};
  timers.set(a, 5 * kMillisecond, Fired::fire, &fa);
  timers.set(b, 5 * kMillisecond, Fired::fire, &fb);
  timers.cancel(a);
  timers.cancel(a);
  timers.set(b, 20 * kMillisecond, Fired::fire, &fb);
  timers.advance(10 * kMillisecond);
  EXPECT_TRUE(order.empty());
  timers.advance(21 * kMillisecond);
  EXPECT_EQ(std::vector{2}, order);
}

TEST(Timers, BeyondTheReachOfTheWheelTheyWait) {
  std::vector<int> order;
  Timers timers(0);
  Timer a;
  Fired fa{&order, 1};
  const Nanoseconds sixty_days = 60ULL * 24 * 3600 * kSecond;
  timers.set(a, sixty_days, Fired::fire, &fa);
  timers.advance(sixty_days - kSecond);
  EXPECT_TRUE(order.empty());
  timers.advance(sixty_days + Timers::kTick);
  EXPECT_EQ(std::vector{1}, order);
}

/// Against a sorted multimap, with random times, cancels and steps.
TEST(Timers, BehaveAsASortedListDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    Timers timers(random.below(kSecond));
    Nanoseconds now = kSecond;
    timers.advance(now);
    struct Entry {
      Timer timer;
      Nanoseconds when = 0;
      bool set = false;
      Nanoseconds* clock = nullptr;
      std::uint64_t* wrong = nullptr;
    };
    std::uint64_t wrong = 0;
    std::vector<Entry> entries(64);
    const auto fire = [](void* argument) {
      auto* entry = static_cast<Entry*>(argument);
      *entry->wrong += !entry->set || *entry->clock + Timers::kTick <= entry->when;
      entry->set = false;
    };
    for (int step = 0; step < 2000; ++step) {
      Entry& entry = entries[random.below(entries.size())];
      entry.clock = &now;
      entry.wrong = &wrong;
      if (random.chance(300)) {
        timers.cancel(entry.timer);
        entry.set = false;
      } else {
        const unsigned magnitude = static_cast<unsigned>(random.below(24));
        entry.when = now + random.below(kMillisecond << magnitude);
        entry.set = true;
        timers.set(entry.timer, entry.when, fire, &entry);
      }
      if (random.chance(400)) {
        EXPECT_LE(timers.next(kSecond << 40), now + (kSecond << 40));
        now += random.below(kMillisecond << random.below(20));
        timers.advance(now);
        for (const Entry& e : entries) wrong += e.set && e.when + Timers::kTick < now;
      }
    }
    for (Entry& entry : entries) timers.cancel(entry.timer);
    ASSERT_EQ(0U, wrong) << "seed " << seed;
    ASSERT_EQ(0U, timers.size());
  }
}

TEST(Timers, NextIsNeverAfterTheFirstTimer) {
  Timers timers(0);
  EXPECT_EQ(kSecond, timers.next(kSecond));
  Timer a;
  std::vector<int> order;
  Fired fa{&order, 1};
  for (const Nanoseconds when : {3 * kMillisecond, 400 * kMillisecond, 90 * kSecond}) {
    timers.set(a, when, Fired::fire, &fa);
    Nanoseconds now = 0;
    unsigned steps = 0;
    while (timers.size() != 0) {
      now = std::max(timers.next(0), now + 1);
      EXPECT_LE(now, when + Timers::kTick);
      timers.advance(now);
      ASSERT_LT(++steps, 1000U);
    }
    timers.advance(0);
  }
}

}  // namespace
}  // namespace sluice::io
