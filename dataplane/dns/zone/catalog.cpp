#include "dataplane/dns/zone/catalog.hpp"

#include "dataplane/dns/zone/name.hpp"

namespace sluice::dns {

namespace {

Match find_in(const Zone* zone, std::string_view name) {
  if (zone == nullptr) return {};
  const ZoneNode& encloser = zone->closest_encloser(name);
  if (encloser.cut) return {Match::Kind::delegation, zone, &encloser};
  if (encloser.name == name) return {Match::Kind::exact, zone, &encloser};
  if (const ZoneNode* wildcard = wildcard_below(*zone, encloser)) {
    return {Match::Kind::wildcard, zone, wildcard};
  }
  return {Match::Kind::absent, zone, &encloser};
}

}  // namespace

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
  return find_in(zone_of(name), name);
}

Match Catalog::find_ds(std::string_view name) const {
  const Zone* zone = zone_of(name);
  if (zone != nullptr && zone->origin() == name && name.size() > 1) {
    if (const Zone* above = zone_of(parent_of(name))) zone = above;
  }
  return find_in(zone, name);
}

const ZoneNode* find_target(const Zone& zone, std::string_view target) {
  if (const ZoneNode* node = zone.find(target)) return node;
  if (!is_at_or_below(target, zone.origin())) return nullptr;
  const ZoneNode& encloser = zone.closest_encloser(target);
  return encloser.cut ? nullptr : wildcard_below(zone, encloser);
}

const ZoneNode* wildcard_below(const Zone& zone, const ZoneNode& node) {
  if (node.name.size() + 2 > kNameMax) return nullptr;
  return zone.find(std::string("\1*", 2) + node.name);
}

}  // namespace sluice::dns
