/// All zones served together, and the search of RFC 1034 section 4.3.2 over them. Plain and slow:
/// it states the semantics that compiled answers have.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/dns/zone/zone.hpp"

namespace sluice::dns {

/// Where a name leads.
struct Match {
  enum class Kind : std::uint8_t {
    outside,     ///< no zone served here holds it
    exact,       ///< `node` is it
    wildcard,    ///< `node` is the wildcard that stands for it
    delegation,  ///< `node` is the cut at or above it
    absent,      ///< the name does not exist; `node` is its closest encloser
  };
  Kind kind = Kind::outside;
  const Zone* zone = nullptr;
  const ZoneNode* node = nullptr;
};

class Catalog {
 public:
  /// False: a zone of this origin is there already.
  [[nodiscard]] bool add(std::unique_ptr<Zone> zone);
  [[nodiscard]] const std::vector<std::unique_ptr<Zone>>& zones() const { return zones_; }
  /// The zone with the longest origin at or above a lowered name; nullptr if there is none.
  [[nodiscard]] const Zone* zone_of(std::string_view name) const;
  /// For a lowered name and any type but DS.
  [[nodiscard]] Match find(std::string_view name) const;
  /// The same for DS, which at the origin of a zone is the zone's above (RFC 4035 section 3.1.4.1).
  [[nodiscard]] Match find_ds(std::string_view name) const;

 private:
  std::vector<std::unique_ptr<Zone>> zones_;
  std::unordered_map<std::string_view, const Zone*> by_origin_;
};

/// The node whose addresses help a client that was told `target` (lowered): the name itself, glue
/// included, or the wildcard that stands for it. nullptr if the zone knows none.
[[nodiscard]] const ZoneNode* find_target(const Zone& zone, std::string_view target);

/// The wildcard directly below a node, or nullptr.
[[nodiscard]] const ZoneNode* wildcard_below(const Zone& zone, const ZoneNode& node);

}  // namespace sluice::dns
