// Backends that live and die at random, networks that lose packets, a data plane that comes and
// goes: what the checks decide follows, and says nothing about what was not asked.
#include <gtest/gtest.h>

#include "control/health/roster.hpp"
#include "tests/sim/seeds.hpp"

namespace sluice::health {
namespace {

constexpr Nanoseconds kStep = 5 * kMillisecond;
constexpr Nanoseconds kCalm = 120 * kSecond;  ///< enough for 16 times `rise`

struct Backend {
  bool lives = true;
  bool silent = false;  ///< when dead: no answer rather than a refusal
  Nanoseconds since = 0;
};

struct UnderWay {
  std::uint64_t id = 0;
  std::size_t backend = 0;
  Nanoseconds begun = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed)
      : random_(static_cast<std::uint32_t>(seed)),
        backends_(1 + random_() % 40),
        at_once_(1 + static_cast<std::uint32_t>(random_() % 64)),
        roster_(at_once_, static_cast<std::uint32_t>(seed)) {
    auto check = std::make_shared<v1::HealthCheck>();
    check->mutable_tcp();
    for (std::size_t i = 0; i < backends_.size(); ++i) {
      Target target;
      target.key = {"s" + std::to_string(i % 3), "be" + std::to_string(i),
                    IpAddress::v4(0x7f000001)};
      target.check = check;
      targets_.push_back(target);
    }
    roster_.configure(targets_, now_);
  }

  void run(Nanoseconds time, bool restless) {
    for (const Nanoseconds end = now_ + time; now_ < end; now_ += kStep) {
      if (restless) disturb();
      finish_some();
      while (auto due = roster_.take_due(now_)) {
        under_way_.push_back({due->id, index_of(*due->target), now_});
      }
      ASSERT_LE(under_way_.size(), at_once_);
      ASSERT_EQ(under_way_.size(), roster_.under_way());
    }
  }

  /// After a calm time each decision is the truth.
  void expect_truth() {
    for (const Status& status : roster_.status()) {
      const Backend& backend = backends_[number_in(status.key)];
      EXPECT_EQ(backend.lives ? Health::healthy : Health::unhealthy, status.health)
          << std::get<1>(status.key) << ": " << status.reason;
    }
  }
  void take_path_away(bool away) { away_ = away; }
  [[nodiscard]] std::size_t changes() const { return changes_; }
  void reconfigure() { roster_.configure(targets_, now_); }

 private:
  static std::size_t number_in(const Key& key) { return std::stoul(std::get<1>(key).substr(2)); }
  static std::size_t index_of(const Target& target) { return number_in(target.key); }

  void disturb() {
    if (random_() % 400 != 0) return;
    Backend& backend = backends_[random_() % backends_.size()];
    backend = {!backend.lives, random_() % 2 == 0, now_};
    if (random_() % 50 == 0) reconfigure();
  }

  void finish_some() {
    for (std::size_t i = 0; i < under_way_.size();) {
      const UnderWay one = under_way_[i];
      const Backend& backend = backends_[one.backend];
      const Nanoseconds needs = backend.lives || !backend.silent ? kStep : kSecond;
      if (now_ - one.begun < needs) {
        ++i;
        continue;
      }
      Outcome outcome = away_            ? Outcome::none("no path")
                        : backend.lives  ? Outcome::pass("connected")
                        : backend.silent ? Outcome::fail("timed out after 1s")
                                         : Outcome::fail("connection refused");
      const auto change =
          roster_.finish(one.id, std::move(outcome), one.begun, now_, now_ / kSecond);
      if (change) {
        ++changes_;
        ASSERT_FALSE(away_);
        ASSERT_NE(change->before, change->status.health);
        ASSERT_EQ(change->status.health == Health::healthy, backend.lives)
            << "decided against what the last check saw";
      }
      under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  std::mt19937 random_;
  std::vector<Backend> backends_;
  const std::uint32_t at_once_;
  Roster roster_;
  std::vector<Target> targets_;
  std::vector<UnderWay> under_way_;
  Nanoseconds now_ = 1'000 * kSecond;
  std::size_t changes_ = 0;
  bool away_ = false;
};

TEST(SimHealth, DecisionsFollowTheBackends) {
  for_each_seed(60, [](std::uint64_t seed) {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed));
    World world(seed);
    world.run(60 * kSecond, true);
    world.run(kCalm, false);
    world.expect_truth();
    const std::size_t before = world.changes();
    world.reconfigure();
    world.run(10 * kSecond, false);
    EXPECT_EQ(before, world.changes()) << "nothing happened, and nothing was decided";
    // A data plane that is away for a minute changes nobody's health.
    world.take_path_away(true);
    world.run(60 * kSecond, true);
    EXPECT_EQ(before, world.changes());
    world.take_path_away(false);
    world.run(kCalm, false);
    world.expect_truth();
  });
}

}  // namespace
}  // namespace sluice::health
