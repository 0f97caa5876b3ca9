/// Maglev's consistent hashing (Eisenbud and others, NSDI 2016, section 3.4), with weights.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::balancer {

/// Table sizes on offer: primes, so that every skip walks through all slots.
inline constexpr std::array<std::uint32_t, 5> kMaglevSizes{1021, 4093, 16'381, 65'537, 131'071};

struct MaglevMember {
  std::string_view name;     ///< what its preferences are drawn from: equal on all hosts
  std::uint32_t weight = 1;  ///< its share of the slots, relative to the others; 0: none
};

/// Slots filled with indices of members. The same names and weights give the same table on every
/// host, whatever order they come in.
class MaglevTable {
 public:
  /// Without slots: nobody to choose.
  MaglevTable() = default;
  /// `size` is one of kMaglevSizes and at least the number of members. Without a member of positive
  /// weight the table is empty. Costs one step a slot and some, about a millisecond at 65,537.
  MaglevTable(std::span<const MaglevMember> members, std::uint32_t size);

  /// It was made of the same, in the same order, so that it need not be made again.
  [[nodiscard]] bool made_of(std::span<const MaglevMember> members, std::uint32_t size) const;

  [[nodiscard]] bool empty() const { return slots_.empty(); }
  /// Index of the member that a hash belongs to; only for a table that is not empty.
  [[nodiscard]] std::uint16_t choose(std::uint64_t hash) const {
    return slots_[((hash >> 32) * slots_.size()) >> 32];
  }
  [[nodiscard]] std::span<const std::uint16_t> slots() const { return slots_; }

 private:
  struct Member {
    std::string name;
    std::uint32_t weight;
  };

  std::vector<std::uint16_t> slots_;
  std::vector<Member> made_of_;
  std::uint32_t made_for_ = 0;  ///< size
};

}  // namespace sluice::balancer
