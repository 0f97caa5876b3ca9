/// Weighted round robin as a function of how many flows came before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::balancer {

/// A round has a turn for each unit of weight, their common divisor taken out. Within it a turn is
/// a step of about a golden section of the round, coprime with it: all turns of the round are taken
/// once, and those of one member lie far apart. So shares are exact in every round, a turn costs a
/// binary search, and what is stored is a number a member, not a turn.
class Rotation {
 public:
  Rotation() = default;
  explicit Rotation(std::span<const std::uint32_t> weights);  ///< none is 0

  [[nodiscard]] bool empty() const { return ends_.empty(); }
  /// Turns of a round.
  [[nodiscard]] std::uint64_t round() const { return empty() ? 0 : ends_.back(); }
  /// Index of the member whose turn the n-th is; only if there is one.
  [[nodiscard]] std::size_t member(std::uint64_t n) const;

 private:
  std::vector<std::uint64_t> ends_;  ///< sums of weights up to each member
  std::uint64_t step_ = 1;
};

}  // namespace sluice::balancer
