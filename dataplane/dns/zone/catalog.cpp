#include "dataplane/dns/zone/catalog.hpp"

#include "dataplane/dns/zone/name.hpp"

namespace sluice::dns {

bool Catalog::add(std::unique_ptr<Zone> zone) {
  if (!by_origin_.emplace(zone->origin(), zone.get()).second) return false;
  zones_.push_back(std::move(zone));
  return true;
}

const Zone* Catalog::zone_of(std::string_view name) const {
  while (true) {
    if (const auto found = by_origin_.find(name); found != by_origin_.end()) return found->second;
    if (name.size() <= 1) return nullptr;
    name = parent_of(name);
  }
}

Match Catalog::find(std::string_view name) const {
  const Zone* zone = zone_of(name);
  if (zone == nullptr) return {};
  const ZoneNode& encloser = zone->closest_encloser(name);
  if (encloser.cut) return {Match::Kind::delegation, zone, &encloser};
  if (encloser.name == name) return {Match::Kind::exact, zone, &encloser};
  if (const ZoneNode* wildcard = wildcard_below(*zone, encloser)) {
    return {Match::Kind::wildcard, zone, wildcard};
  }
  return {Match::Kind::absent, zone, &encloser};
}

const ZoneNode* wildcard_below(const Zone& zone, const ZoneNode& node) {
  if (node.name.size() + 2 > kNameMax) return nullptr;
  return zone.find(std::string("\1*", 2) + node.name);
}

}  // namespace sluice::dns
