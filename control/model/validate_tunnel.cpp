#include "control/model/validate_tunnel.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::model {
namespace {

/// Something of the state that is not to be within a tunnel's source.
struct Taken {
  Prefix prefix;
  std::string owner;
};

Prefix host(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
}

bool is_host(const Prefix& prefix) {
  return prefix.length == (prefix.is_v4() ? 32 : 128);
}

bool overlap(const Prefix& a, const Prefix& b) {
  return a.is_v4() == b.is_v4() && (a.contains(b.address) || b.contains(a.address));
}

/// What lives at addresses, and the networks of ports and routes.
class Map {
 public:
  explicit Map(const v1::DesiredState& state) {
    for (const v1::Document& document : state.documents()) add(document);
  }

  /// Who has an address of the source; nothing: it is free. An address may lie in a port's network,
  /// or be the port's own; a prefix may not.
  [[nodiscard]] const Taken* owner_of(const Prefix& source) const {
    for (const Taken& address : addresses_)
      if (source.contains(address.prefix.address)) return &address;
    for (const Taken& port : ports_)
      if (!is_host(source) && overlap(source, port.prefix)) return &port;
    for (const Taken& route : routes_)
      if (source.is_v4() == route.prefix.is_v4() && source.contains(route.prefix.address) &&
          route.prefix.length >= source.length)
        return &route;
    return nullptr;
  }
  [[nodiscard]] bool has_port_of_family(bool v4) const {
    return std::any_of(ports_.begin(), ports_.end(),
                       [&](const Taken& port) { return port.prefix.is_v4() == v4; });
  }

 private:
  void add(const v1::Document& document) {
    const std::string key = key_of(document);
    for (const std::string& text : document.service().addresses()) add_address(text, key);
    for (const std::string& text : document.name_server().addresses()) add_address(text, key);
    for (const v1::Backend& backend : document.service().backends())
      for (const std::string& text : backend.addresses())
        add_address(text, key + ", backend " + backend.name());
    for (const v1::Neighbour& neighbour : document.port().neighbours())
      add_address(neighbour.address(), key + ", a neighbour");
    for (const std::string& text : document.port().addresses())
      if (const auto prefix = Prefix::parse(text)) ports_.push_back({prefix->network(), key});
    if (const auto prefix = Prefix::parse(document.route().prefix()))
      routes_.push_back({*prefix, key});
  }
  void add_address(const std::string& text, const std::string& owner) {
    if (const auto address = IpAddress::parse(text)) addresses_.push_back({host(*address), owner});
  }

  std::vector<Taken> addresses_;
  std::vector<Taken> ports_;
  std::vector<Taken> routes_;
};

/// A source that no router sends errors back to is none.
bool is_unicast(const IpAddress& address) {
  return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() &&
         !address.is_link_local();
}

void check_sources(const v1::Service& service, const std::string& path, const Map& map,
                   Problems& problems) {
  std::array<bool, 2> seen{};
  for (int i = 0; i < service.tunnel().sources_size(); ++i) {
    const auto source = Prefix::parse(service.tunnel().sources(i));
    if (!source) continue;
    const std::string here = path_to(path + ".tunnel.sources", static_cast<std::size_t>(i));
    const std::string text = quoted(source->text());
    if (std::exchange(seen[source->is_v4() ? 0 : 1], true)) {
      problems.add(here, "two sources of one family", "give one address or prefix of each family");
    } else if (!is_unicast(source->address)) {
      problems.add(here, text + " is no source of packets that routers forward",
                   "use a unicast address or prefix that is not loopback or link-local");
    } else if (const Taken* taken = map.owner_of(*source)) {
      problems.add(here, text + " holds addresses of " + taken->owner,
                   "use addresses that nobody else has; routers are to send them here");
    }
  }
}

/// Every outer header needs a source: a configured one, or the address of a port.
void check_families(const v1::Service& service, const std::string& path, const Map& map,
                    Problems& problems) {
  const auto has_source = [&](bool v4) {
    return map.has_port_of_family(v4) ||
           std::any_of(service.tunnel().sources().begin(), service.tunnel().sources().end(),
                       [&](const std::string& text) {
                         const auto source = Prefix::parse(text);
                         return source && source->is_v4() == v4;
                       });
  };
  for (int i = 0; i < service.backends_size(); ++i) {
    const v1::Backend& backend = service.backends(i);
    for (int j = 0; j < backend.addresses_size(); ++j) {
      const auto address = IpAddress::parse(backend.addresses(j));
      if (!address || has_source(address->is_v4())) continue;
      const std::string at =
          path_to(path + ".backends", static_cast<std::size_t>(i)) + ".addresses";
      problems.add(path_to(at, static_cast<std::size_t>(j)),
                   "no port has an address of this family to send from",
                   "give one to a port, or name one in tunnel.sources");
    }
  }
}

void check_mode(const v1::Service& service, const std::string& path, Problems& problems) {
  if (!service.has_tunnel()) return;
  if (!is_tunnel(service.mode())) {
    problems.add(path + ".tunnel",
                 "mode " + v1::Service::Mode_Name(service.mode()) + " has no tunnel",
                 "remove it, or use mode IPIP or GUE");
  } else if (service.mode() == v1::Service::IPIP && service.tunnel().port() != 0) {
    problems.add(path + ".tunnel.port", "IP in IP has no ports", "remove it, or use mode GUE");
  }
}

}  // namespace

bool is_tunnel(v1::Service::Mode mode) {
  return mode == v1::Service::IPIP || mode == v1::Service::GUE;
}

void check_tunnels(const v1::DesiredState& state, Problems& problems) {
  const Map map(state);
  for (const v1::Document& document : state.documents()) {
    if (!document.has_service()) continue;
    const v1::Service& service = document.service();
    const std::string path = key_of(document) + ": spec";
    check_mode(service, path, problems);
    if (!is_tunnel(service.mode())) continue;
    check_sources(service, path, map, problems);
    check_families(service, path, map, problems);
  }
}

}  // namespace sluice::model
