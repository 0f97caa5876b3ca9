/// What goes wrong in a simulation, and how often. Every draw comes from one seed, so that a run
/// can be repeated from its number alone.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::io {

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to n - 1; n is not 0.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  /// True `per_mille` times in a thousand.
  bool chance(std::uint32_t per_mille) { return below(1000) < per_mille; }

 private:
  std::uint64_t state_;
};

enum class FaultPoint : std::uint8_t {
#define FAULT_POINT(name, meaning) name,
#include "dataplane/io/fault_points.def"
#undef FAULT_POINT
  count
};
inline constexpr unsigned kFaultPoints = static_cast<unsigned>(FaultPoint::count);

[[nodiscard]] std::string_view name_of(FaultPoint point);

/// How often each fault strikes, in a thousand chances it has; and how often it has.
class Faults {
 public:
  explicit Faults(std::uint32_t every_per_mille = 0) { per_mille_.fill(every_per_mille); }
  Faults& set(FaultPoint point, std::uint32_t per_mille) {
    per_mille_[static_cast<unsigned>(point)] = per_mille;
    return *this;
  }
  [[nodiscard]] bool strikes(FaultPoint point, Random& random) {
    const auto i = static_cast<unsigned>(point);
    if (!random.chance(per_mille_[i])) return false;
    ++struck_[i];
    return true;
  }
  [[nodiscard]] std::uint64_t struck(FaultPoint point) const {
    return struck_[static_cast<unsigned>(point)];
  }

 private:
  std::array<std::uint32_t, kFaultPoints> per_mille_{};
  std::array<std::uint64_t, kFaultPoints> struck_{};
};

}  // namespace sluice::io
