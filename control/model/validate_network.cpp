#include "control/model/validate_network.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "control/model/validate_local.hpp"
#include "control/model/validate_tunnel.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::model {
namespace {

constexpr std::array<std::uint32_t, 5> kTableSizes{1'021, 4'093, 16'381, 65'537, 131'071};

std::string_view family_of(const IpAddress& address) {
  return address.is_v4() ? "IPv4" : "IPv6";
}

bool overlap(const Prefix& a, const Prefix& b) {
  return a.is_v4() == b.is_v4() && (a.contains(b.address) || b.contains(a.address));
}

/// An address of a port, and where it is written.
struct PortAddress {
  std::string port;
  std::string path;
  Prefix prefix;
};

std::vector<PortAddress> port_addresses(const v1::DesiredState& state) {
  std::vector<PortAddress> out;
  for (const v1::Document& document : state.documents()) {
    const std::string path = key_of(document) + ": spec.addresses";
    for (int i = 0; i < document.port().addresses_size(); ++i) {
      if (const auto prefix = Prefix::parse(document.port().addresses(i))) {
        out.push_back({document.name(), path_to(path, static_cast<std::size_t>(i)), *prefix});
      }
    }
  }
  return out;
}

void check_neighbours(const v1::Document& document, Problems& problems) {
  std::set<std::string> seen;
  for (int i = 0; i < document.port().neighbours_size(); ++i) {
    const std::string& text = document.port().neighbours(i).address();
    const auto address = IpAddress::parse(text);
    if (!address || seen.insert(address->text()).second) continue;
    problems.add(
        path_to(key_of(document) + ": spec.neighbours", static_cast<std::size_t>(i)) + ".address",
        quoted(text) + " is listed twice", "remove one of them");
  }
}

/// What speaks at an address, protocol and port, to find those that two documents want.
class Endpoints {
 public:
  explicit Endpoints(Problems& problems) : problems_(problems) {}

  void add(const v1::Document& document, const std::string& path, const IpAddress& address,
           std::string_view protocol, std::uint32_t port) {
    const std::string name =
        std::string(protocol) + " " + address.text() + " port " + std::to_string(port);
    const auto [first, added] = owners_.emplace(name, key_of(document));
    if (added) return;
    problems_.add(path, name + " is used twice, by " + first->second + " too",
                  "give one of them another address or port");
  }

 private:
  Problems& problems_;
  std::map<std::string, std::string> owners_;
};

std::vector<IpAddress> parsed(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::vector<IpAddress> out;
  for (const std::string& text : texts) {
    if (const auto address = IpAddress::parse(text)) out.push_back(*address);
  }
  return out;
}

/// Addresses that a client cannot send to from elsewhere are none of a service.
bool check_unicast(const IpAddress& address, const std::string& path, Problems& problems) {
  if (!address.is_unspecified() && !address.is_multicast() && !address.is_loopback()) return true;
  problems.add(path, quoted(address.text()) + " is not an address that others can reach",
               "use a unicast address that is not loopback");
  return false;
}

void check_backend(const v1::Service& service, const v1::Backend& backend, const std::string& path,
                   const std::set<std::string>& service_addresses, Problems& problems) {
  const std::vector<IpAddress> addresses = parsed(backend.addresses());
  if (addresses.size() == 2 && addresses[0].is_v4() == addresses[1].is_v4()) {
    problems.add(path + ".addresses", "two addresses of one family",
                 "give one address of each family at most; add another backend for the other");
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string address_path = path_to(path + ".addresses", i);
    if (!check_unicast(addresses[i], address_path, problems)) continue;
    if (service_addresses.count(addresses[i].text()) != 0) {
      problems.add(address_path, quoted(addresses[i].text()) + " is the address of a service",
                   "give the backend's own address");
    }
  }
  const bool translated =
      service.mode() == v1::Service::NAT || service.mode() == v1::Service::FULL_NAT;
  if (!translated && backend.port() != 0 && backend.port() != service.port()) {
    const std::string mode = is_tunnel(service.mode()) ? "a tunnel" : "direct return";
    problems.add(path + ".port", mode + " leaves the packet's port as it is",
                 "remove the line, or use mode NAT or FULL_NAT");
  }
}

void check_families(const v1::Document& document, Problems& problems) {
  const v1::Service& service = document.service();
  // A tunnel takes either family in either.
  if (service.backends().empty() || is_tunnel(service.mode())) return;
  for (int i = 0; i < service.addresses_size(); ++i) {
    const auto address = IpAddress::parse(service.addresses(i));
    if (!address) continue;
    const bool served = std::any_of(
        service.backends().begin(), service.backends().end(), [&](const v1::Backend& backend) {
          const auto own = parsed(backend.addresses());
          return std::any_of(own.begin(), own.end(),
                             [&](const IpAddress& a) { return a.is_v4() == address->is_v4(); });
        });
    if (served) continue;
    const std::string family(family_of(*address));
    problems.add(path_to(key_of(document) + ": spec.addresses", static_cast<std::size_t>(i)),
                 "no backend has an " + family + " address",
                 "give one to a backend, or remove this address");
  }
}

void check_service(const v1::Document& document, const std::set<std::string>& service_addresses,
                   Problems& problems) {
  const v1::Service& service = document.service();
  const std::string path = key_of(document) + ": spec";
  std::set<std::string> names;
  for (int i = 0; i < service.backends_size(); ++i) {
    const v1::Backend& backend = service.backends(i);
    const std::string backend_path = path_to(path + ".backends", static_cast<std::size_t>(i));
    if (!backend.name().empty() && !names.insert(backend.name()).second) {
      problems.add(backend_path + ".name", quoted(backend.name()) + " is used twice",
                   "give each backend of a service its own name");
    }
    check_backend(service, backend, backend_path, service_addresses, problems);
  }
  check_families(document, problems);
  const bool prime =
      std::find(kTableSizes.begin(), kTableSizes.end(), service.table_size()) != kTableSizes.end();
  if (service.table_size() != 0 && !prime) {
    problems.add(path + ".table_size",
                 std::to_string(service.table_size()) + " is not a size of the Maglev table",
                 "use 1021, 4093, 16381, 65537 or 131071");
  }
}

/// Finds the port that reaches the router of a route; null if none does.
const PortAddress* reaching(const std::vector<PortAddress>& ports, const IpAddress& via,
                            const std::string& port) {
  const auto found = std::find_if(ports.begin(), ports.end(), [&](const PortAddress& p) {
    return (port.empty() || p.port == port) && p.prefix.contains(via);
  });
  return found == ports.end() ? nullptr : &*found;
}

void check_way(const v1::Route& route, const std::string& path,
               const std::vector<PortAddress>& ports, Problems& problems) {
  const bool goes = !route.via().empty() || !route.port().empty();
  if (route.blackhole() == goes) {
    problems.add(path,
                 goes ? "a blackhole goes nowhere, but via or port is given"
                      : "the route says neither where to go nor to drop",
                 "give via, port or both; or blackhole alone");
    return;
  }
  const auto via = IpAddress::parse(route.via());
  const auto prefix = Prefix::parse(route.prefix());
  if (!via || !prefix) return;
  if (via->is_v4() != prefix->is_v4()) {
    problems.add(path + ".via",
                 "the router is " + std::string(family_of(*via)) + ", the prefix is " +
                     std::string(family_of(prefix->address)),
                 "give a router of the prefix's family");
  } else if (via->is_link_local() && !via->is_v4()) {
    if (route.port().empty()) {
      problems.add(path + ".via", "a link-local router is at every port",
                   "say by which port it is reached");
    }
  } else if (reaching(ports, *via, route.port()) == nullptr) {
    const std::string which = route.port().empty() ? "no port" : "port " + quoted(route.port());
    problems.add(path + ".via",
                 which + (route.port().empty() ? " has" : " has not") +
                     " an address in the network of " + quoted(route.via()),
                 "give a router on a segment of a port");
  }
}

}  // namespace

void check_ports(const v1::DesiredState& state, Problems& problems) {
  const std::vector<PortAddress> all = port_addresses(state);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const bool same = all[i].prefix.address == all[j].prefix.address;
      if (same) {
        problems.add(all[i].path,
                     quoted(all[i].prefix.address.text()) + " is used twice, at port " +
                         all[j].port + " too",
                     "give each port its own address");
      } else if (all[i].port != all[j].port && !all[i].prefix.address.is_link_local() &&
                 overlap(all[i].prefix, all[j].prefix)) {
        problems.add(all[i].path,
                     "the networks of " + all[i].prefix.text() + " and of " + all[j].prefix.text() +
                         " at port " + all[j].port + " overlap",
                     "give each port a network of its own");
      }
    }
  }
  for (const v1::Document& document : state.documents()) check_neighbours(document, problems);
}

void check_routes(const v1::DesiredState& state, Problems& problems) {
  const std::vector<PortAddress> ports = port_addresses(state);
  std::map<std::string, std::string> seen;
  for (const v1::Document& document : state.documents()) {
    if (!document.has_route()) continue;
    const std::string path = key_of(document) + ": spec";
    check_way(document.route(), path, ports, problems);
    const auto prefix = Prefix::parse(document.route().prefix());
    if (!prefix) continue;
    const auto [first, added] = seen.emplace(prefix->text(), key_of(document));
    if (added) continue;
    problems.add(path + ".prefix", prefix->text() + " has a route already: " + first->second,
                 "remove one of them");
  }
}

void check_services(const v1::DesiredState& state, Problems& problems) {
  check_tunnels(state, problems);
  check_local_ends(state, problems);
  Endpoints endpoints(problems);
  std::set<std::string> service_addresses;
  for (const v1::Document& document : state.documents()) {
    for (const IpAddress& a : parsed(document.service().addresses())) {
      service_addresses.insert(a.text());
    }
  }
  const auto add = [&](const v1::Document& document, const auto& texts, auto protocols,
                       std::uint32_t port) {
    for (int i = 0; i < texts.size(); ++i) {
      const std::string path =
          path_to(key_of(document) + ": spec.addresses", static_cast<std::size_t>(i));
      const auto address = IpAddress::parse(texts[i]);
      if (!address || !check_unicast(*address, path, problems)) continue;
      for (const std::string_view protocol : protocols) {
        endpoints.add(document, path, *address, protocol, port);
      }
    }
  };
  using Protocols = std::vector<std::string_view>;
  for (const v1::Document& document : state.documents()) {
    if (document.has_service()) {
      const v1::Service& service = document.service();
      check_service(document, service_addresses, problems);
      add(document, service.addresses(),
          Protocols{service.protocol() == v1::Service::UDP ? "UDP" : "TCP"}, service.port());
    } else if (document.has_name_server()) {
      v1::NameServer server = document.name_server();
      fill_defaults(server);
      add(document, server.addresses(), Protocols{"UDP", "TCP"}, server.port());
    }
  }
}

}  // namespace sluice::model
