/// A total function from numbers to row indices that is constant on intervals.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace sluice::firewall {

/// Key is an unsigned number of `kBits` bits. Look-up: one table by the leading bits, then a binary
/// search among the few starts that share them.
template <class Key, unsigned kBits>
class IntervalMap {
 public:
  struct Step {
    Key start;
    std::uint32_t row;  ///< from start to the next step
  };

  IntervalMap() = default;
  /// Steps are sorted by start; the first starts at 0.
  explicit IntervalMap(std::vector<Step> steps) : steps_(std::move(steps)) {
    const auto wanted = static_cast<unsigned>(std::bit_width(steps_.size()));
    const unsigned bucket_bits = std::min({wanted + 1, 16U, kBits});
    shift_ = kBits - bucket_bits;
    const std::size_t buckets = std::size_t{1} << bucket_bits;
    buckets_.resize(buckets + 1);
    std::uint32_t last = 0;
    for (std::size_t b = 0; b < buckets; ++b) {
      const Key start = static_cast<Key>(static_cast<Key>(b) << shift_);
      while (last + 1 < steps_.size() && steps_[last + 1].start <= start) ++last;
      buckets_[b] = last;
    }
    buckets_[buckets] = static_cast<std::uint32_t>(steps_.size() - 1);
  }

  [[nodiscard]] bool empty() const { return steps_.empty(); }

  /// The row of a key. Not for an empty map.
  [[nodiscard]] std::uint32_t find(Key key) const {
    const auto bucket = static_cast<std::size_t>(key >> shift_);
    std::uint32_t low = buckets_[bucket];
    std::uint32_t high = buckets_[bucket + 1];
    while (low < high) {
      const std::uint32_t middle = (low + high + 1) / 2;
      if (steps_[middle].start <= key) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return steps_[low].row;
  }

 private:
  std::vector<Step> steps_;
  std::vector<std::uint32_t> buckets_;
  unsigned shift_ = 0;
};

}  // namespace sluice::firewall
