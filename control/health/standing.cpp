#include "control/health/standing.hpp"

#include <algorithm>

namespace sluice::health {

std::string_view name_of(Health health) {
  switch (health) {
    case Health::healthy:
      return "healthy";
    case Health::unhealthy:
      return "unhealthy";
    case Health::unknown:
      break;
  }
  return "unknown";
}

bool Standing::become(Health health, Nanoseconds now) {
  // The first failure of all is no flapping; it is a second one soon after that is.
  if (health == Health::unhealthy) {
    const Nanoseconds forgiven = changed_ == 0 ? 0 : (now - changed_) / kForgiven;
    doublings_ -= static_cast<unsigned>(std::min<Nanoseconds>(doublings_, forgiven));
  } else if (health_ == Health::unhealthy) {
    doublings_ = std::min(doublings_ + 1, kDoublingsMax);
  }
  health_ = health;
  in_row_ = 0;
  changed_ = now;
  return true;
}

bool Standing::passed(const Rhythm& rhythm, Nanoseconds now) {
  if (health_ == Health::unknown) return become(Health::healthy, now);
  if (health_ == Health::healthy) {
    in_row_ = 0;
    return false;
  }
  return ++in_row_ >= rise_needed(rhythm) && become(Health::healthy, now);
}

bool Standing::failed(const Rhythm& rhythm, Nanoseconds now) {
  if (health_ == Health::unhealthy) {
    in_row_ = 0;
    return false;
  }
  return ++in_row_ >= rhythm.fall && become(Health::unhealthy, now);
}

Nanoseconds Standing::wait(const Rhythm& rhythm) const {
  return in_row_ == 0 ? rhythm.interval : std::min(rhythm.interval, rhythm.fast_interval);
}

std::uint32_t Standing::rise_needed(const Rhythm& rhythm) const {
  return rhythm.rise << doublings_;
}

Nanoseconds jittered(Nanoseconds wait, std::uint32_t random) {
  return wait - wait / 10 + share_of(wait / 5, random);
}

Nanoseconds share_of(Nanoseconds whole, std::uint32_t random) {
  return whole / 65'536 * (random >> 16);  // a day times 2^32 would not fit
}

}  // namespace sluice::health
