/// A rate limit: a token bucket kept as one time stamp, the generic cell rate algorithm.
#pragma once

#include <algorithm>

#include "dataplane/runtime/clock.hpp"

namespace sluice {

/// Lets through `rate` events a second on average and `burst` at once. Belongs to one thread. The
/// interval is kept in whole nanoseconds, so rates above some 10 million a second are coarse.
class TokenBucket {
 public:
  /// Both at least 1. The bucket starts full.
  TokenBucket(std::uint64_t rate, std::uint64_t burst)
      : interval_(std::max<Nanoseconds>(1, kSecond / std::max<std::uint64_t>(1, rate))),
        depth_(interval_ * std::max<std::uint64_t>(1, burst)) {}

  /// Whether one more event may happen at `now`, which then is accounted for.
  [[nodiscard]] bool take(Nanoseconds now) {
    const Nanoseconds start = std::max(now, full_at_);
    if (start + interval_ > now + depth_) return false;
    full_at_ = start + interval_;
    return true;
  }

 private:
  Nanoseconds interval_;
  Nanoseconds depth_;
  Nanoseconds full_at_ = 0;  ///< when the bucket will be full again
};

}  // namespace sluice
