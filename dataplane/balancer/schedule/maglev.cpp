#include "dataplane/balancer/schedule/maglev.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include <xxhash.h>

namespace sluice::balancer {
namespace {

constexpr std::uint16_t kUnfilled = std::numeric_limits<std::uint16_t>::max();
/// Seeds of the two hashes of a name. Part of the table's definition: balancers that share a
/// service address must agree on them.
constexpr std::uint64_t kOffsetSeed = 0, kSkipSeed = 1;

/// A member's walk through the slots in its order of preference: offset + n * skip modulo the table
/// size, by additions, so that no product can overflow.
struct Walk {
  std::uint64_t order = 0;  ///< hash of the name: the order of turns
  std::string_view name;
  std::uint16_t member = 0;
  std::uint32_t position = 0;
  std::uint32_t skip = 0;
  std::uint32_t weight = 0;
  std::uint64_t credit = 0;
};

Walk walk_of(const MaglevMember& member, std::uint16_t index, std::uint32_t size) {
  const std::uint64_t first = XXH64(member.name.data(), member.name.size(), kOffsetSeed);
  const std::uint64_t second = XXH64(member.name.data(), member.name.size(), kSkipSeed);
  return {.order = first,
          .name = member.name,
          .member = index,
          .position = static_cast<std::uint32_t>(first % size),
          .skip = static_cast<std::uint32_t>(second % (size - 1) + 1),
          .weight = member.weight};
}

/// Gives the next free slot of its preferences to the walk's member.
void take_slot(Walk& walk, std::span<std::uint16_t> slots) {
  const auto size = static_cast<std::uint32_t>(slots.size());
  std::uint16_t* slot = nullptr;
  do {
    slot = &slots[walk.position];
    walk.position += walk.skip;
    if (walk.position >= size) walk.position -= size;
  } while (*slot != kUnfilled);
  *slot = walk.member;
}

}  // namespace

MaglevTable::MaglevTable(std::span<const MaglevMember> members, std::uint32_t size) {
  assert(members.size() <= size && members.size() < kUnfilled);
  made_for_ = size;
  made_of_.reserve(members.size());
  for (const MaglevMember& member : members)
    made_of_.push_back({std::string(member.name), member.weight});
  std::vector<Walk> walks;
  std::uint32_t heaviest = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].weight == 0) continue;
    walks.push_back(walk_of(members[i], static_cast<std::uint16_t>(i), size));
    heaviest = std::max(heaviest, members[i].weight);
  }
  if (walks.empty()) return;
  std::sort(walks.begin(), walks.end(), [](const Walk& a, const Walk& b) {
    return a.order != b.order ? a.order < b.order : a.name < b.name;
  });
  slots_.assign(size, kUnfilled);
  // Rounds of turns: the heaviest takes a slot in each, the others when their weight has added up.
  for (std::uint32_t left = size;;) {
    for (Walk& walk : walks) {
      walk.credit += walk.weight;
      if (walk.credit < heaviest) continue;
      walk.credit -= heaviest;
      take_slot(walk, slots_);
      if (--left == 0) return;
    }
  }
}

bool MaglevTable::made_of(std::span<const MaglevMember> members, std::uint32_t size) const {
  return size == made_for_ &&
         std::equal(members.begin(), members.end(), made_of_.begin(), made_of_.end(),
                    [](const MaglevMember& a, const Member& b) {
                      return a.weight == b.weight && a.name == b.name;
                    });
}

}  // namespace sluice::balancer
