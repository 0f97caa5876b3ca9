#include "control/model/address_map.hpp"

#include <algorithm>

#include "control/model/kinds.hpp"

namespace sluice::model {
namespace {

Prefix host(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
}

bool is_host(const Prefix& prefix) {
  return prefix.length == (prefix.is_v4() ? 32 : 128);
}

bool overlap(const Prefix& a, const Prefix& b) {
  return a.is_v4() == b.is_v4() && (a.contains(b.address) || b.contains(a.address));
}

}  // namespace

AddressMap::AddressMap(const v1::DesiredState& state) {
  for (const v1::Document& document : state.documents()) add(document);
}

const AddressMap::Taken* AddressMap::owner_of(const Prefix& source) const {
  for (const Taken& address : addresses_)
    if (source.contains(address.prefix.address)) return &address;
  for (const Taken& port : ports_)
    if (!is_host(source) && overlap(source, port.prefix)) return &port;
  return address_or_route_in(source);
}

const AddressMap::Taken* AddressMap::owner_of_local(const Prefix& local) const {
  for (const Taken& own : own_)
    if (local.contains(own.prefix.address)) return &own;
  return address_or_route_in(local);
}

const AddressMap::Taken* AddressMap::address_or_route_in(const Prefix& prefix) const {
  for (const Taken& address : addresses_)
    if (prefix.contains(address.prefix.address)) return &address;
  for (const Taken& route : routes_)
    if (prefix.is_v4() == route.prefix.is_v4() && prefix.contains(route.prefix.address) &&
        route.prefix.length >= prefix.length)
      return &route;
  return nullptr;
}

bool AddressMap::has_port_of_family(bool v4) const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [&](const Taken& port) { return port.prefix.is_v4() == v4; });
}

void AddressMap::add(const v1::Document& document) {
  const std::string key = key_of(document);
  for (const std::string& text : document.service().addresses()) add_address(text, key);
  for (const std::string& text : document.name_server().addresses()) add_address(text, key);
  for (const v1::Backend& backend : document.service().backends())
    for (const std::string& text : backend.addresses())
      add_address(text, key + ", backend " + backend.name());
  for (const v1::Neighbour& neighbour : document.port().neighbours())
    add_address(neighbour.address(), key + ", a neighbour");
  for (const std::string& text : document.port().addresses()) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) continue;
    ports_.push_back({prefix->network(), key});
    own_.push_back({host(prefix->address), key});
  }
  if (const auto prefix = Prefix::parse(document.route().prefix()))
    routes_.push_back({*prefix, key});
}

void AddressMap::add_address(const std::string& text, const std::string& owner) {
  if (const auto address = IpAddress::parse(text)) addresses_.push_back({host(*address), owner});
}

bool is_routed_unicast(const IpAddress& address) {
  return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() &&
         !address.is_link_local();
}

}  // namespace sluice::model
