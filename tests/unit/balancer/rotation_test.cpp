#include "dataplane/balancer/schedule/rotation.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace sluice::balancer {
namespace {

TEST(Rotation, EveryRoundGivesExactlyTheWeights) {
  std::mt19937 random(1);
  for (unsigned round = 0; round < 50; ++round) {
    std::vector<std::uint32_t> weights(1 + random() % 40);
    for (std::uint32_t& weight : weights) weight = 1 + static_cast<std::uint32_t>(random() % 50);
    const Rotation rotation(weights);
    std::vector<std::uint64_t> turns(weights.size());
    const std::uint64_t start = random();  // wherever it begins
    for (std::uint64_t n = 0; n < rotation.round(); ++n) ++turns[rotation.member(start + n)];
    const std::uint64_t divisor = weights[0] / turns[0];
    for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_EQ(weights[i], turns[i] * divisor) << i;
  }
}

TEST(Rotation, EqualWeightsTakeTurns) {
  const std::vector<std::uint32_t> weights(3, 1000);
  const Rotation rotation(weights);
  EXPECT_EQ(3U, rotation.round());
  EXPECT_NE(rotation.member(0), rotation.member(1));
  EXPECT_NE(rotation.member(1), rotation.member(2));
  EXPECT_EQ(rotation.member(0), rotation.member(3));
}

/// Not one backend's whole share in a row: between two of its turns there are at most three times
/// as many as there would be if they were even.
TEST(Rotation, TurnsOfAMemberLieApart) {
  const std::vector<std::uint32_t> weights{500, 300, 100, 50, 25, 25, 7, 1};
  const Rotation rotation(weights);
  const std::uint64_t round = rotation.round();
  std::vector<std::uint64_t> last(weights.size(), 0), widest(weights.size(), 0);
  for (std::uint64_t n = 0; n < 3 * round; ++n) {
    const std::size_t member = rotation.member(n);
    if (last[member] != 0) widest[member] = std::max(widest[member], n - last[member]);
    last[member] = n;
  }
  for (std::size_t i = 0; i < weights.size(); ++i)
    EXPECT_LE(widest[i], 3 * (round + weights[i] - 1) / weights[i]) << i;
}

TEST(Rotation, TakesManyOfAnyWeight) {
  std::vector<std::uint32_t> weights;
  for (std::uint32_t i = 0; i < 4096; ++i) weights.push_back(1 + i * 7919 % 1000);
  const Rotation rotation(weights);
  std::vector<std::uint64_t> turns(weights.size());
  for (std::uint64_t n = 0; n < rotation.round(); ++n) ++turns[rotation.member(n)];
  for (std::size_t i = 0; i < weights.size(); ++i) ASSERT_EQ(weights[i], turns[i]) << i;
}

}  // namespace
}  // namespace sluice::balancer
