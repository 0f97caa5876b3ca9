#include "dataplane/balancer/schedule/rotation.hpp"

#include <algorithm>
#include <numeric>

namespace sluice::balancer {
namespace {

std::uint64_t step_of(std::uint64_t round) {
  constexpr std::uint64_t kGoldenSection = 0x9e37'79b9;  // of 2^32; a round is shorter than that
  std::uint64_t step = std::max<std::uint64_t>(1, (round * kGoldenSection) >> 32U);
  while (std::gcd(step, round) != 1) ++step;
  return step;
}

}  // namespace

Rotation::Rotation(std::span<const std::uint32_t> weights) {
  std::uint32_t divisor = 0;
  for (const std::uint32_t weight : weights) divisor = std::gcd(divisor, weight);
  std::uint64_t sum = 0;
  for (const std::uint32_t weight : weights) ends_.push_back(sum += weight / divisor);
  if (!empty()) step_ = step_of(round());
}

std::size_t Rotation::member(std::uint64_t n) const {
  // Below 2^32 each: kBackendsMax times the largest weight.
  const std::uint64_t turn = (n % round()) * step_ % round();
  return static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), turn) -
                                  ends_.begin());
}

}  // namespace sluice::balancer
