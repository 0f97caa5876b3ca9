#include "dataplane/firewall/tracking/passage_table.hpp"

namespace sluice::firewall {
namespace {

std::uint64_t hash_of(const Passage& passage) {
  std::uint64_t hash = passage.traits ^ (std::uint64_t{passage.rule} << 32U);
  for (const Slot counter : passage.counters) hash = (hash ^ counter) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 32U);
}

}  // namespace

PassageTable::Number PassageTable::number_of(const Passage& passage) {
  constexpr unsigned kProbes = 8;
  if (passage.count > Passage::kCountersMax) return kNone;
  const std::uint64_t hash = hash_of(passage);
  for (unsigned probe = 0; probe < kProbes; ++probe) {
    const auto place = static_cast<Number>(1 + (hash + probe) % (kPlaces - 1));
    if (!taken_[place]) {
      taken_[place] = true;
      passages_[place] = passage;
      return place;
    }
    if (passages_[place] == passage) return place;
  }
  return kNone;
}

}  // namespace sluice::firewall
