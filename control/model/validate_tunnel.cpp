#include "control/model/validate_tunnel.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "control/model/address_map.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::model {
namespace {

void check_sources(const v1::Service& service, const std::string& path, const AddressMap& map,
                   Problems& problems) {
  std::array<bool, 2> seen{};
  for (int i = 0; i < service.tunnel().sources_size(); ++i) {
    const auto source = Prefix::parse(service.tunnel().sources(i));
    if (!source) continue;
    const std::string here = path_to(path + ".tunnel.sources", static_cast<std::size_t>(i));
    const std::string text = quoted(source->text());
    if (std::exchange(seen[source->is_v4() ? 0 : 1], true)) {
      problems.add(here, "two sources of one family", "give one address or prefix of each family");
    } else if (!is_routed_unicast(source->address)) {
      problems.add(here, text + " is no source of packets that routers forward",
                   "use a unicast address or prefix that is not loopback or link-local");
    } else if (const AddressMap::Taken* taken = map.owner_of(*source)) {
      problems.add(here, text + " holds addresses of " + taken->owner,
                   "use addresses that nobody else has; routers are to send them here");
    }
  }
}

/// Every outer header needs a source: a configured one, or the address of a port.
void check_families(const v1::Service& service, const std::string& path, const AddressMap& map,
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
  const AddressMap map(state);
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
