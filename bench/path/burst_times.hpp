/// How long turns of a worker take, each of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::bench {

/// Keeps the cycles of up to kKept turns; further ones are left out.
class BurstTimes {
 public:
  BurstTimes() { cycles_.reserve(kKept); }

  void add(std::uint64_t cycles) {
    if (cycles_.size() < kKept) cycles_.push_back(cycles);
  }
  [[nodiscard]] bool empty() const { return cycles_.empty(); }
  /// The time that this part (0..1) of all turns did not exceed, in cycles. There is one at least.
  [[nodiscard]] std::uint64_t percentile(double part) {
    const auto nth = static_cast<std::size_t>(part * static_cast<double>(cycles_.size() - 1));
    const auto at = cycles_.begin() + static_cast<std::ptrdiff_t>(nth);
    std::nth_element(cycles_.begin(), at, cycles_.end());
    return *at;
  }

 private:
  static constexpr std::size_t kKept = 4'000'000;
  std::vector<std::uint64_t> cycles_;
};

}  // namespace sluice::bench
