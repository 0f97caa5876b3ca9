#include "dataplane/packet/snapshot.hpp"

#include <algorithm>
#include <map>

#include "dataplane/balancer/service_table.hpp"
#include "dataplane/route/table.hpp"

namespace sluice {
namespace {

/// Keeps a room's result or its mistakes.
template <class T>
void keep(tl::expected<std::shared_ptr<const T>, std::vector<Error>> compiled,
          std::shared_ptr<const T>& into, std::vector<Error>& errors) {
  if (compiled) {
    into = std::move(*compiled);
  } else {
    std::move(compiled.error().begin(), compiled.error().end(), std::back_inserter(errors));
  }
}

Prefix host_prefix(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
}

/// The route's source with the addresses of services and name servers among its local ones.
route::Source with_locals(const Sources& sources) {
  std::map<IpAddress, std::uint8_t> kinds;
  for (const auto& service : sources.balancer.services)
    for (const IpAddress& address : service.addresses)
      kinds[address] |= route::local_kind::kService;
  for (const auto& server : sources.dns.servers)
    for (const IpAddress& address : server.addresses)
      kinds[address] |= route::local_kind::kNameServer;
  route::Source out = sources.route;
  for (const auto& service : sources.balancer.services)
    if (balancer::is_tunnel(service.mode))
      for (const Prefix& source : service.tunnel.sources)
        out.locals.push_back({source, route::local_kind::kTunnel});
  for (const auto& service : sources.balancer.services)
    if (service.mode == balancer::Mode::full_nat)
      for (const Prefix& address : service.local.addresses)
        out.locals.push_back({address, route::local_kind::kLocalEnd});
  for (const auto& [address, kind] : kinds) out.locals.push_back({host_prefix(address), kind});
  return out;
}

/// What the balancer's tunnels need to know of the routes. Where only an advertised router may
/// lead, any port may be the one that does.
balancer::Ways ways_of(const route::Table* table) {
  if (table == nullptr) return {};
  return [table](const IpAddress& destination) {
    const route::NextHop& hop = table->next_hop(table->find(destination, kNoPort));
    balancer::Way way;
    way.source = table->source_address(hop.port, destination.is_v4());
    if (hop.port != kNoPort) {
      way.mtu = table->port(hop.port).mtu;
    } else {
      for (const route::Port& port : table->ports())
        if (port.known) way.mtu = std::min(way.mtu, port.mtu);
    }
    return way;
  };
}

Stations stations_of(const route::Source& source) {
  Stations stations;
  for (const route::PortSource& port : source.ports) {
    if (port.id == kNoPort) continue;
    stations.resize(std::max<std::size_t>(stations.size(), port.id + 1U));
    stations[port.id] = port.any_station ? 0 : station_of(port.mac);
  }
  return stations;
}

bool apart(const balancer::Source& source, const route::Table& route) {
  return std::all_of(source.services.begin(), source.services.end(), [&](const auto& service) {
    return std::all_of(service.addresses.begin(), service.addresses.end(), [&](const auto& at) {
      return route.kinds(route.find(at, kNoPort)) == route::local_kind::kService;
    });
  });
}

std::vector<std::array<std::uint32_t, 2>> hops_to(const balancer::ServiceTable& services,
                                                  const route::Table& route) {
  std::vector<std::array<std::uint32_t, 2>> hops;
  for (const balancer::Backend& backend : services.backends()) {
    auto& hop = hops.emplace_back();
    for (unsigned family = 0; family < 2; ++family)
      if (!backend.addresses[family].is_unspecified())
        hop[family] = route.find(backend.addresses[family], kNoPort);
  }
  return hops;
}

}  // namespace

tl::expected<std::shared_ptr<const Snapshot>, std::vector<Error>> compile(const Sources& sources,
                                                                          std::uint64_t revision,
                                                                          SlotRegistry& slots,
                                                                          const Snapshot* before) {
  auto snapshot = std::make_shared<Snapshot>();
  std::vector<Error> errors;
  snapshot->revision = revision;
  keep(route::compile(with_locals(sources)), snapshot->route, errors);
  keep(firewall::compile(sources.firewall, slots), snapshot->firewall, errors);
  keep(balancer::compile(sources.balancer, slots, ways_of(snapshot->route.get()),
                         before != nullptr ? before->balancer.get() : nullptr),
       snapshot->balancer, errors);
  keep(dns::compile(sources.dns, slots), snapshot->dns, errors);
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  snapshot->stations = stations_of(sources.route);
  for (const dns::ServerSource& server : sources.dns.servers)
    if (!snapshot->is_name_server_port(server.port))
      snapshot->name_server_ports.push_back(server.port);
  snapshot->backend_hops = hops_to(*snapshot->balancer, *snapshot->route);
  snapshot->services_apart = apart(sources.balancer, *snapshot->route);
  snapshot->has_rules = !sources.firewall.rules.empty();
  snapshot->has_services = !sources.balancer.services.empty();
  return snapshot;
}

}  // namespace sluice
