/// Sets of numbers as sorted intervals: what a match accepts, whatever it is written as.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/address.hpp"

namespace sluice::firewall {

/// Wide enough for an IPv6 address. Addresses are numbers here, IPv4 below 2^32.
__extension__ typedef unsigned __int128 Number;

/// The number of an address of its own family.
[[nodiscard]] inline Number number_of(const IpAddress& address) {
  Number out = 0;
  for (std::size_t i = 0; i < address.network_size(); ++i) out = (out << 8U) | address.network()[i];
  return out;
}

/// From low to high, both included.
struct Interval {
  Number low = 0;
  Number high = 0;
  bool operator==(const Interval&) const = default;
};

/// All addresses of a prefix.
[[nodiscard]] Interval interval_of(const Prefix& prefix);

/// A set of numbers up to a maximum, kept as sorted intervals that neither touch nor overlap.
class ValueSet {
 public:
  ValueSet() = default;
  /// In any order, overlapping or not.
  explicit ValueSet(std::vector<Interval> intervals);

  [[nodiscard]] const std::vector<Interval>& intervals() const { return intervals_; }
  [[nodiscard]] bool empty() const { return intervals_.empty(); }
  [[nodiscard]] bool contains(Number value) const;
  [[nodiscard]] ValueSet intersection(const ValueSet& other) const;
  /// What is not in it, from 0 to `max`.
  [[nodiscard]] ValueSet complement(Number max) const;
  bool operator==(const ValueSet&) const = default;

 private:
  std::vector<Interval> intervals_;
};

}  // namespace sluice::firewall
