// What holds of Maglev tables for any names and weights, from 10 to 1,000 backends.
#include <algorithm>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/balancer/schedule/maglev.hpp"

namespace sluice::balancer {
namespace {

struct Named {
  std::string name;
  std::uint32_t weight = 1;
};

MaglevTable table_of(const std::vector<Named>& backends, std::uint32_t size) {
  std::vector<MaglevMember> members;
  for (const Named& one : backends) members.push_back({one.name, one.weight});
  return {members, size};
}

/// How many slots each backend has.
std::vector<unsigned> shares(const std::vector<Named>& backends, std::uint32_t size) {
  std::vector<unsigned> count(backends.size());
  const MaglevTable table = table_of(backends, size);
  for (const std::uint16_t member : table.slots()) ++count[member];
  return count;
}

/// Who has each slot, so that tables of different sets can be compared.
std::vector<std::string_view> owners(const std::vector<Named>& backends, std::uint32_t size) {
  std::vector<std::string_view> all;
  const MaglevTable table = table_of(backends, size);
  for (const std::uint16_t member : table.slots()) all.push_back(backends[member].name);
  return all;
}

class MaglevOf : public ::testing::TestWithParam<unsigned> {
 protected:
  static constexpr std::uint32_t kSize = 65'537;  ///< of services that do not say
  static constexpr unsigned kRounds = 6;

  /// As many as the parameter says, of other names and weights (up to `heaviest`) each time.
  std::vector<Named> backends(std::uint32_t heaviest = 1) {
    std::vector<Named> all(GetParam());
    for (Named& one : all) {
      one.name = "host-" + std::to_string(random_());
      one.weight = static_cast<std::uint32_t>(1 + random_() % heaviest);
    }
    return all;
  }
  std::ptrdiff_t any() { return static_cast<std::ptrdiff_t>(random_() % GetParam()); }

  std::mt19937_64 random_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Backends, MaglevOf, ::testing::Values(10U, 30U, 100U, 300U, 1000U));

/// Of 1,000 backends a slot is 1.5 % of a share.
TEST_P(MaglevOf, EqualSharesDifferByASlotAtMost) {
  for (unsigned round = 0; round < kRounds; ++round) {
    const auto count = shares(backends(), kSize);
    const auto [least, most] = std::minmax_element(count.begin(), count.end());
    EXPECT_EQ(kSize / GetParam(), *least);
    EXPECT_LE(*most, *least + 1);
  }
}

/// Within 2 % of what is due, or two slots where that is more.
TEST_P(MaglevOf, WeightsAreHonoured) {
  for (unsigned round = 0; round < kRounds; ++round) {
    const auto all = backends(100);
    double sum = 0;
    for (const Named& one : all) sum += one.weight;
    const auto count = shares(all, kSize);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double due = kSize * all[i].weight / sum;
      EXPECT_NEAR(due, count[i], std::max(0.02 * due, 2.0)) << all[i].weight;
    }
  }
}

TEST_P(MaglevOf, AnyOrderGivesTheSameTable) {
  for (unsigned round = 0; round < kRounds; ++round) {
    auto all = backends(50);
    all[static_cast<std::size_t>(any())].weight = 0;
    auto shuffled = all;
    std::shuffle(shuffled.begin(), shuffled.end(), random_);
    EXPECT_TRUE(owners(all, kSize) == owners(shuffled, kSize));
  }
}

/// Percent of the slots that backends which both tables know hand to one another. The bound holds
/// for any number of backends.
constexpr double kMovedMost = 2.0;

double moved_between_others(const std::vector<std::string_view>& before,
                            const std::vector<std::string_view>& after, std::string_view changed) {
  unsigned moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    moved += before[i] != after[i] && before[i] != changed && after[i] != changed;
  return 100.0 * moved / static_cast<double>(before.size());
}

TEST_P(MaglevOf, OneThatLeavesMovesLittleElse) {
  for (unsigned round = 0; round < kRounds; ++round) {
    const auto all = backends();
    auto left = all;
    const auto gone = left.erase(left.begin() + any()) - left.begin();
    const auto before = owners(all, kSize), after = owners(left, kSize);
    const std::string& name = all[static_cast<std::size_t>(gone)].name;
    EXPECT_LE(moved_between_others(before, after, name), kMovedMost);
    auto drained = all;
    drained[static_cast<std::size_t>(gone)].weight = 0;
    EXPECT_TRUE(after == owners(drained, kSize)) << "to drain is to leave";
  }
}

TEST_P(MaglevOf, OneThatJoinsTakesItsShareAndMovesLittleElse) {
  for (unsigned round = 0; round < kRounds; ++round) {
    const auto all = backends();
    auto more = all;
    more.insert(more.begin() + any(), {"new", 1});
    const auto before = owners(all, kSize), after = owners(more, kSize);
    EXPECT_LE(moved_between_others(before, after, "new"), kMovedMost);
    EXPECT_NEAR(static_cast<double>(kSize) / static_cast<double>(more.size()),
                static_cast<double>(std::count(after.begin(), after.end(), "new")), 1.0);
  }
}

/// Figures 11 and 12 of the paper's kind, in the other sizes of table too: what a hundredth of the
/// backends, at least one, moves among the others when it goes. Small tables move more.
struct Size {
  std::uint32_t slots;
  unsigned backends;
  double moved;  ///< percent
};

class MaglevIn : public ::testing::TestWithParam<Size> {};
INSTANTIATE_TEST_SUITE_P(Sizes, MaglevIn,
                         ::testing::Values(Size{4093, 10, 2.0}, Size{4093, 100, 4.0},
                                           Size{16'381, 10, 1.0}, Size{16'381, 100, 2.5},
                                           Size{16'381, 1000, 5.0}, Size{65'537, 10, 0.6},
                                           Size{65'537, 100, 1.2}, Size{65'537, 1000, 3.0},
                                           Size{131'071, 1000, 2.5}));

TEST_P(MaglevIn, AHundredthThatLeavesMovesLittleElse) {
  const auto [size, backends, most] = GetParam();
  const unsigned gone = std::max(1U, backends / 100);
  constexpr unsigned kSets = 5;
  double moved = 0;
  for (unsigned set = 0; set < kSets; ++set) {
    std::vector<Named> all(backends);
    for (unsigned i = 0; i < backends; ++i)
      all[i].name = "s" + std::to_string(set) + "-" + std::to_string(i);
    const MaglevTable before = table_of(all, size);
    for (unsigned i = 0; i < gone; ++i) all[i].weight = 0;
    const MaglevTable after = table_of(all, size);
    for (std::size_t i = 0; i < size; ++i)
      moved += before.slots()[i] >= gone && before.slots()[i] != after.slots()[i];
  }
  EXPECT_LE(100 * moved / (kSets * size), most);
}

}  // namespace
}  // namespace sluice::balancer
