#include "dataplane/firewall/classifier/value_set.hpp"

#include <algorithm>

namespace sluice::firewall {

Interval interval_of(const Prefix& prefix) {
  const unsigned width = prefix.is_v4() ? 32 : 128;
  const unsigned host_bits = width - prefix.length;
  const Number low = number_of(prefix.network().address);
  const Number span = host_bits == 128 ? ~Number{0} : (Number{1} << host_bits) - 1;
  return {low, low | span};
}

ValueSet::ValueSet(std::vector<Interval> intervals) : intervals_(std::move(intervals)) {
  std::sort(intervals_.begin(), intervals_.end(),
            [](const Interval& a, const Interval& b) { return a.low < b.low; });
  std::size_t kept = 0;
  for (const Interval& next : intervals_) {
    // Without `high + 1` where high is the largest number.
    const bool joins = kept != 0 && (next.low <= intervals_[kept - 1].high ||
                                     next.low - 1 == intervals_[kept - 1].high);
    if (joins) {
      intervals_[kept - 1].high = std::max(intervals_[kept - 1].high, next.high);
    } else {
      intervals_[kept++] = next;
    }
  }
  intervals_.resize(kept);
}

bool ValueSet::contains(Number value) const {
  const auto after =
      std::upper_bound(intervals_.begin(), intervals_.end(), value,
                       [](Number v, const Interval& interval) { return v < interval.low; });
  return after != intervals_.begin() && value <= std::prev(after)->high;
}

ValueSet ValueSet::intersection(const ValueSet& other) const {
  ValueSet out;
  auto a = intervals_.begin();
  auto b = other.intervals_.begin();
  while (a != intervals_.end() && b != other.intervals_.end()) {
    const Number low = std::max(a->low, b->low);
    const Number high = std::min(a->high, b->high);
    if (low <= high) out.intervals_.push_back({low, high});
    if (a->high < b->high) {
      ++a;
    } else {
      ++b;
    }
  }
  return out;
}

ValueSet ValueSet::complement(Number max) const {
  ValueSet out;
  Number next = 0;
  for (const Interval& interval : intervals_) {
    if (interval.low > next) out.intervals_.push_back({next, interval.low - 1});
    if (interval.high >= max) return out;
    next = interval.high + 1;
  }
  out.intervals_.push_back({next, max});
  return out;
}

}  // namespace sluice::firewall
