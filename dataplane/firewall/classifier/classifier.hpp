/// Finds which of many conjunctions a packet meets: bit vectors with an aggregate level (Lakshman
/// and Stiliadis, SIGCOMM 1998; Baboescu and Varghese, SIGCOMM 2001). For each dimension a value
/// selects a row of bits, one an entry; the entries met are the AND of the rows.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/firewall/classifier/dimension.hpp"
#include "dataplane/firewall/classifier/interval_map.hpp"
#include "dataplane/firewall/classifier/packet_view.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::firewall {

/// Memory that the rows of one chain may take.
inline constexpr std::size_t kClassifierBytesMax = std::size_t{1} << 30U;

/// Immutable once built; used by all workers at once.
class Classifier {
 public:
  /// The rows a packet selected. Belongs to one packet and one classifier.
  struct Selection {
    std::array<const std::uint64_t*, kDimensions + 1> rows;
    unsigned count;
    bool complete;  ///< the rows of the large dimensions are there too
  };

  Classifier() = default;
  /// Error: more memory than kClassifierBytesMax.
  [[nodiscard]] static Result<Classifier> build(std::span<const Conditions> entries);

  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Begins the search for one packet: selects the rows of the small dimensions.
  void select(const PacketView& view, Selection& selection) const;
  /// The first entry from `from` on that the packet meets, or size(). Addresses and ports are
  /// looked up only when an entry that asks for them comes into question.
  [[nodiscard]] std::uint32_t next(const PacketView& view, Selection& selection,
                                   std::uint32_t from) const;
  /// Memory of its tables.
  [[nodiscard]] std::size_t bytes() const;

 private:
  class Builder;
  friend class Builder;

  using SmallTable = std::array<std::uint32_t, 257>;
  using PortMap = IntervalMap<std::uint16_t, 16>;
  using Map4 = IntervalMap<std::uint32_t, 32>;
  using Map6 = IntervalMap<Number, 128>;

  [[nodiscard]] const std::uint64_t* row(std::uint32_t index) const {
    return bits_.data() + std::size_t{index} * stride_;
  }
  void complete(const PacketView& view, Selection& selection) const;
  [[nodiscard]] std::uint32_t scan(const Selection& selection, std::uint32_t from) const;
  [[nodiscard]] std::uint64_t meet(const Selection& selection, std::uint32_t word) const;

  std::uint32_t size_ = 0;
  std::uint32_t words_ = 0;                 ///< of 64 entries each
  std::uint32_t stride_ = 0;                ///< words of a row: the bits, then their aggregate
  bool aggregated_ = false;                 ///< few words are faster without
  std::vector<std::uint64_t> bits_;         ///< all rows; row 0 has every entry
  std::vector<std::uint64_t> needs_large_;  ///< entries that ask for an address or port
  std::vector<std::pair<std::uint8_t, SmallTable>> small_;
  std::array<PortMap, 2> ports_;
  std::array<std::uint32_t, 2> no_port_{};  ///< rows of packets without ports
  std::array<Map4, 2> addresses4_;
  std::array<Map6, 2> addresses6_;
};

}  // namespace sluice::firewall
