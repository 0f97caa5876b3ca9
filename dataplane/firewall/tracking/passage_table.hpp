/// What the rules did to accepted packets, remembered for the packets that must fare alike: most
/// packets of a connection meet the very rules that the one before them met, and need not be held
/// against all rules again.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/runtime/counters.hpp"

namespace sluice::firewall {

/// The effects of accepting a packet.
struct Passage {
  static constexpr unsigned kCountersMax = 4;

  std::uint64_t traits = 0;  ///< of the packet beside its flow: RuleSet::traits_of
  std::uint32_t rule = 0;    ///< as Packet::rule
  std::uint32_t count = 0;   ///< of counters; more than kCountersMax: not all are here
  std::array<Slot, kCountersMax> counters{};

  void note(Slot counter) {
    if (count < kCountersMax) counters[count] = counter;
    ++count;
  }
  bool operator==(const Passage&) const = default;
};
static_assert(sizeof(Passage) == 32);

/// The different passages of one worker; connections refer to them by number. There are far fewer
/// than connections: one for each way that packets take through the rules.
class PassageTable {
 public:
  using Number = std::uint16_t;
  static constexpr Number kNone = 0;

  /// The number of a passage that is equal, or of a new one. kNone: there is no place for it.
  [[nodiscard]] Number number_of(const Passage& passage);
  /// For kNone a passage of no packet.
  [[nodiscard]] const Passage& at(Number number) const { return passages_[number]; }
  /// Other rules: all numbers become invalid.
  void clear() { taken_.fill(false); }

 private:
  static constexpr unsigned kPlaces = 1024;

  /// Place 0 keeps the traits of no packet.
  std::array<Passage, kPlaces> passages_{Passage{.traits = ~std::uint64_t{0}}};
  std::array<bool, kPlaces> taken_{};
};

}  // namespace sluice::firewall
