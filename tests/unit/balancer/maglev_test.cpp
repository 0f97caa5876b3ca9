#include "dataplane/balancer/schedule/maglev.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <xxhash.h>

namespace sluice::balancer {
namespace {

std::vector<std::string> names(unsigned count) {
  std::vector<std::string> all;
  for (unsigned i = 0; i < count; ++i) all.push_back("backend-" + std::to_string(i));
  return all;
}

std::vector<MaglevMember> members(const std::vector<std::string>& names) {
  std::vector<MaglevMember> all;
  for (const std::string& name : names) all.push_back({name, 1});
  return all;
}

/// The pseudo-code of the paper, section 3.4, with its permutation by multiplication, in 64 bits:
/// the largest product is below 2^35. A member of weight w takes a turn in round r when
/// floor(r * w / heaviest) has grown.
std::vector<std::uint16_t> reference(const std::vector<MaglevMember>& all, std::uint64_t size) {
  std::uint64_t heaviest = 0;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    heaviest = std::max<std::uint64_t>(heaviest, all[i].weight);
    if (all[i].weight != 0) order.push_back(i);
  }
  const auto hash = [&](std::size_t i, unsigned seed) {
    return XXH64(all[i].name.data(), all[i].name.size(), seed);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return hash(a, 0) < hash(b, 0); });
  std::vector<std::uint64_t> next(all.size(), 0);
  std::vector<int> entry(size, -1);
  std::uint64_t filled = 0;
  for (std::uint64_t round = 1; filled < size; ++round) {
    for (const std::size_t i : order) {
      const std::uint64_t w = all[i].weight;
      if (round * w / heaviest == (round - 1) * w / heaviest) continue;
      const std::uint64_t offset = hash(i, 0) % size;
      const std::uint64_t skip = hash(i, 1) % (size - 1) + 1;
      std::uint64_t c = (offset + next[i] * skip) % size;
      while (entry[c] >= 0) c = (offset + ++next[i] * skip) % size;
      entry[c] = static_cast<int>(i);
      ++next[i];
      if (++filled == size) break;
    }
  }
  return {entry.begin(), entry.end()};
}

std::vector<std::uint16_t> slots_of(const std::vector<MaglevMember>& all, std::uint32_t size) {
  const MaglevTable table(all, size);
  return {table.slots().begin(), table.slots().end()};
}

TEST(Maglev, U32OverflowDoesNotBendTheWalk) {  // maglev_u32_overflow
  for (const std::uint32_t size : kMaglevSizes)
    for (const unsigned count : {1U, 2U, 10U, 100U, 1000U}) {
      const auto n = names(count);
      EXPECT_EQ(reference(members(n), size), slots_of(members(n), size)) << size << " " << count;
    }
}

TEST(Maglev, WeightsEqualTheReference) {
  const auto n = names(7);
  auto m = members(n);
  const std::uint32_t weights[] = {1, 2, 3, 50, 100, 0, 7};
  for (std::size_t i = 0; i < m.size(); ++i) m[i].weight = weights[i];
  for (const std::uint32_t size : kMaglevSizes) EXPECT_EQ(reference(m, size), slots_of(m, size));
}

TEST(Maglev, SizesArePrime) {  // maglev_prime_required: else a skip could miss slots
  for (const std::uint32_t size : kMaglevSizes)
    for (std::uint32_t d = 2; d * d <= size; ++d) EXPECT_NE(0U, size % d) << size;
}

TEST(Maglev, SameTableOnEveryHost) {
  // Computed once; another value means that balancers of different versions disagree.
  const auto n = names(3);
  const auto slots = slots_of(members(n), 1021);
  EXPECT_EQ(9630263580761394607U, XXH64(slots.data(), slots.size() * 2, 0));
}

TEST(Maglev, AllDownGivesNoTable) {  // maglev_all_down
  EXPECT_TRUE(MaglevTable({}, 1021).empty());
  const std::vector<MaglevMember> drained{{"a", 0}, {"b", 0}};
  EXPECT_TRUE(MaglevTable(drained, 1021).empty());
}

TEST(Maglev, WeightZeroMeansDrain) {  // weight_zero_means_drain
  const std::vector<MaglevMember> all{{"a", 1}, {"b", 0}, {"c", 1}};
  const auto slots = slots_of(all, 1021);
  EXPECT_EQ(0, std::count(slots.begin(), slots.end(), 1));
}

TEST(Maglev, ChoiceCoversAllSlots) {
  const auto n = names(10);
  const MaglevTable table(members(n), 1021);
  EXPECT_EQ(table.slots().front(), table.choose(0));
  EXPECT_EQ(table.slots().back(), table.choose(~std::uint64_t{0}));
}

}  // namespace
}  // namespace sluice::balancer
