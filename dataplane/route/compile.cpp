#include <algorithm>
#include <array>

#include "dataplane/route/compiler.hpp"

namespace sluice::route {
namespace {

/// Least MTU of a link: RFC 791 for IPv4, RFC 8200 section 5 for IPv6.
constexpr std::uint16_t kMtuLeast4 = 68, kMtuLeast6 = 1280;

/// Destinations that nobody may route, and what they lead to. RFC 6890, RFC 3927, RFC 4291.
struct Reserved {
  const char* prefix;
  std::uint32_t index;
};
constexpr std::array kReserved{
    Reserved{"0.0.0.0/8", next_hop_index::kNotRoutable},
    Reserved{"127.0.0.0/8", next_hop_index::kNotRoutable},
    Reserved{"169.254.0.0/16", next_hop_index::kNotRoutable},
    Reserved{"224.0.0.0/4", next_hop_index::kNotRoutable},
    Reserved{"240.0.0.0/4", next_hop_index::kNotRoutable},
    Reserved{"::/128", next_hop_index::kNotRoutable},
    Reserved{"::1/128", next_hop_index::kNotRoutable},
    Reserved{"fe80::/10", next_hop_index::kLinkLocalOurs},
    Reserved{"ff00::/8", next_hop_index::kNotRoutable},
};

Prefix reserved_prefix(const Reserved& reserved) {
  return Prefix::parse(reserved.prefix).value();
}

const std::vector<Prefix>& reserved_prefixes() {
  static const std::vector<Prefix> all = [] {
    std::vector<Prefix> prefixes;
    prefixes.reserve(std::size(kReserved));
    for (const Reserved& reserved : kReserved) prefixes.push_back(reserved_prefix(reserved));
    return prefixes;
  }();
  return all;
}

bool covers(const Prefix& outer, const Prefix& inner) {
  return inner.length >= outer.length && outer.contains(inner.address);
}

bool overlap(const Prefix& a, const Prefix& b) {
  return covers(a, b) || covers(b, a);
}

unsigned most_bits(const Prefix& p) {
  return p.is_v4() ? 32 : 128;
}

Prefix host(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(address.is_v4() ? 32 : 128)};
}

IpAddress broadcast_of(const Prefix& p) {
  const std::uint32_t hosts = p.length == 0 ? ~0U : (1U << (32U - p.length)) - 1U;
  return IpAddress::v4(p.address.v4_value() | hosts);
}

/// IPv4 networks of at least four addresses have a network and a broadcast address (RFC 3021).
bool has_broadcast(const Prefix& p) {
  return p.is_v4() && p.length <= 30;
}

bool usable(const MacAddress& mac) {
  return !mac.is_group() && mac != MacAddress{};
}

std::string item(const std::string& list, std::size_t i) {
  return list + "[" + std::to_string(i) + "]";
}

}  // namespace

tl::expected<std::shared_ptr<const Table>, std::vector<Error>> Compiler::run() {
  add_fixed();
  add_ports();
  set_host_port();
  add_neighbours();
  add_routes();
  add_locals();
  if (errors_.empty()) fill_tries();
  if (errors_.empty()) list_entries();
  if (!errors_.empty()) return tl::unexpected(std::move(errors_));
  return std::make_shared<const Table>(std::move(table_));
}

void Compiler::add_fixed() {
  table_.next_hops_.resize(next_hop_index::kFirstFree);
  table_.next_hops_[next_hop_index::kNotRoutable].kind = RouteKind::not_routable;
  table_.next_hops_[next_hop_index::kBlackhole].kind = RouteKind::blackhole;
  NextHop& ours = table_.next_hops_[next_hop_index::kLinkLocalOurs];
  ours.kind = RouteKind::local;
  ours.kinds = local_kind::kHost;
  NextHop& service = table_.next_hops_[next_hop_index::kServiceOurs];
  service.kind = RouteKind::local;
  service.kinds = local_kind::kService;
  for (const Reserved& reserved : kReserved)
    leaves_.push_back({reserved_prefix(reserved), reserved.index});
}

void Compiler::add_ports() {
  for (const PortSource& port : source_.ports) add_port(port, "ports." + port.name);
}

void Compiler::add_port(const PortSource& port, const std::string& where) {
  if (port.id == kNoPort)
    return error("the port has no number on this node", where, "name a port of the node");
  if (port_known(port.id))
    return error("two ports have number " + std::to_string(port.id), where,
                 "describe each port once");
  if (!usable(port.mac))
    error(port.mac.text() + " is no station's Ethernet address", where + ".mac",
          "use a unicast address");
  const bool v6 = std::any_of(port.addresses.begin(), port.addresses.end(),
                              [](const Prefix& p) { return !p.is_v4(); });
  const std::uint16_t least = v6 ? kMtuLeast6 : kMtuLeast4;
  if (port.mtu < least)
    error("MTU " + std::to_string(port.mtu) + " is too small for the port's addresses",
          where + ".mtu", "use at least " + std::to_string(least));
  if (table_.ports_.size() <= port.id) table_.ports_.resize(port.id + std::size_t{1});
  table_.ports_[port.id] = Port{.name = port.name,
                                .mac = port.mac,
                                .mtu = port.mtu,
                                .known = true,
                                .router_solicitation = port.router_solicitation,
                                .link_local = link_local_of(port.mac),
                                .addresses = port.addresses};
  for (std::size_t i = 0; i < port.addresses.size(); ++i)
    add_address(port, port.addresses[i], item(where + ".addresses", i));
}

void Compiler::add_address(const PortSource& port, const Prefix& address,
                           const std::string& where) {
  const bool link_local_v4 = address.is_v4() && address.address.is_link_local();
  if (!link_local_v4 && refuse_reserved(address, where)) return;
  const Prefix network = address.network();
  if (has_broadcast(address) &&
      (address.address == network.address || address.address == broadcast_of(address))) {
    return error(address.text() + " is the network or broadcast address of its own prefix", where,
                 "use a host address of " + network.text());
  }
  const auto [holder, fresh] = port_addresses_.emplace(address.address, where);
  if (!fresh)
    return error(address.address.text() + " is also at " + holder->second, where,
                 "give each address to one port");
  check_overlap(port, address, where);
  add_local(host(address.address), local_kind::kHost);
  if (address.length == most_bits(address)) return;
  claimed_.emplace(network, where);
  leaves_.push_back({network, index_of(RouteKind::connected, port.id, {})});
  if (!has_broadcast(address)) return;
  leaves_.push_back({host(network.address), next_hop_index::kNotRoutable});
  leaves_.push_back({host(broadcast_of(address)), next_hop_index::kNotRoutable});
}

void Compiler::check_overlap(const PortSource& port, const Prefix& address,
                             const std::string& where) {
  for (const Port& other : table_.ports_) {
    if (!other.known || &other == &table_.ports_[port.id]) continue;
    for (const Prefix& theirs : other.addresses) {
      if (!overlap(address.network(), theirs.network())) continue;
      error(address.network().text() + " overlaps " + theirs.network().text() + " of port " +
                other.name,
            where, "a network lies at one port only");
    }
  }
}

void Compiler::set_host_port() {
  table_.host_port_ = source_.host_port;
  table_.host_mac_ = source_.host_mac;
  table_.assumed_neighbour_ = source_.assumed_neighbour;
  if (source_.host_port != kNoPort && !usable(source_.host_mac))
    error(source_.host_mac.text() + " is no station's Ethernet address", "host_mac",
          "use the address of the exception interface");
}

void Compiler::add_neighbours() {
  for (const PortSource& port : source_.ports) {
    for (std::size_t i = 0; i < port.neighbours.size(); ++i)
      add_neighbour(port.id, port.neighbours[i], item("ports." + port.name + ".neighbours", i));
  }
}

void Compiler::add_neighbour(PortId port, const StaticNeighbour& neighbour,
                             const std::string& where) {
  const IpAddress& address = neighbour.address;
  if (!table_.on_link(port, address))
    return error(address.text() + " is in no prefix of the port", where,
                 "list neighbours at the port that reaches them");
  if (port_addresses_.count(address) != 0 || address == table_.port(port).link_local)
    return error(address.text() + " is our own address", where, "remove it");
  if (!usable(neighbour.mac))
    error(neighbour.mac.text() + " is no station's Ethernet address", where + ".mac",
          "use a unicast address");
  if (!static_neighbours_.emplace(std::pair(port, address), neighbour.mac).second)
    return error(address.text() + " is listed twice", where, "keep one of them");
  if (address.is_v4() || !address.is_link_local())
    leaves_.push_back({host(address), index_of(RouteKind::gateway, port, address)});
}

void Compiler::add_routes() {
  for (std::size_t i = 0; i < source_.routes.size(); ++i)
    add_route(source_.routes[i], item("routes", i));
}

void Compiler::add_route(const RouteEntry& route, const std::string& where) {
  const bool has_via = !route.via.is_unspecified();
  const bool has_port = route.port != kNoPort;
  if (route.blackhole && (has_via || has_port))
    return error("a blackhole route has no gateway and no port", where,
                 "remove `blackhole`, or `via` and `port`");
  if (!route.blackhole && !has_via && !has_port)
    return error("the route leads nowhere", where, "give it `via`, `port` or `blackhole`");
  if (route.prefix.network() != route.prefix)
    return error(route.prefix.text() + " has bits set after its length", where + ".prefix",
                 "write " + route.prefix.network().text());
  if (refuse_reserved(route.prefix, where + ".prefix")) return;
  if (!claim(route.prefix, where + ".prefix")) return;
  if (has_port && !port_known(route.port))
    return error("there is no port with number " + std::to_string(route.port), where + ".port",
                 "name a port that has addresses");
  std::uint32_t index = next_hop_index::kBlackhole;
  if (has_via) {
    const PortId port = port_of_gateway(route, where + ".via");
    if (port == kNoPort) return;
    index = index_of(RouteKind::gateway, port, route.via);
  } else if (has_port) {
    index = index_of(RouteKind::connected, route.port, {});
  }
  leaves_.push_back({route.prefix, index});
}

PortId Compiler::port_of_gateway(const RouteEntry& route, const std::string& where) {
  const IpAddress& via = route.via;
  const bool link_local_v6 = !via.is_v4() && via.is_link_local();
  if (via.is_v4() != route.prefix.is_v4()) {
    error("gateway " + via.text() + " is of another family than " + route.prefix.text(), where,
          "use a gateway of the same family");
  } else if (port_addresses_.count(via) != 0) {
    error("gateway " + via.text() + " is our own address", where, "name another router");
  } else if (link_local_v6 && route.port == kNoPort) {
    error("gateway " + via.text() + " is link-local and may be at any port", where,
          "add `port` to the route");
  } else if (route.port != kNoPort) {
    if (table_.on_link(route.port, via)) return route.port;
    error("gateway " + via.text() + " is in no prefix of port " + table_.port(route.port).name,
          where, "give the port an address in the gateway's network");
  } else {
    for (std::size_t id = 0; id < table_.ports_.size(); ++id) {
      if (table_.on_link(static_cast<PortId>(id), via)) return static_cast<PortId>(id);
    }
    error("no port reaches gateway " + via.text(), where,
          "give a port an address in the gateway's network");
  }
  return kNoPort;
}

void Compiler::add_locals() {
  for (std::size_t i = 0; i < source_.locals.size(); ++i) {
    const LocalAddress& local = source_.locals[i];
    const std::string where = item("locals", i);
    if (local.kinds == 0) error("nothing lives at the address", where, "remove it");
    if (local.prefix.network() != local.prefix) {
      error(local.prefix.text() + " has bits set after its length", where,
            "write " + local.prefix.network().text());
    } else if (!refuse_reserved(local.prefix, where)) {
      add_local(local.prefix, local.kinds);
    }
  }
  for (const auto& [prefix, kinds] : locals_) {
    NextHop ours;
    ours.kind = RouteKind::local;
    ours.kinds = kinds;
    const auto same = claimed_.find(prefix);
    if (same != claimed_.end())
      error(prefix.text() + " is one of our own addresses", same->second, "remove one of them");
    for (const auto& [neighbour, mac] : static_neighbours_) {
      if (prefix.contains(neighbour.second))
        error("neighbour " + neighbour.second.text() + " has one of our own addresses",
              "ports." + table_.port(neighbour.first).name + ".neighbours", "remove one of them");
    }
    table_.next_hops_.push_back(ours);
    leaves_.push_back({prefix, static_cast<std::uint32_t>(table_.next_hops_.size() - 1)});
  }
}

void Compiler::add_local(const Prefix& prefix, std::uint8_t kinds) {
  std::uint8_t& all = locals_[prefix];
  all = static_cast<std::uint8_t>(all | kinds);
}

std::uint32_t Compiler::index_of(RouteKind kind, PortId port, const IpAddress& gateway) {
  const auto index = static_cast<std::uint32_t>(table_.next_hops_.size());
  const auto [it, fresh] = next_hops_.emplace(std::pair(port, gateway), index);
  if (!fresh) return it->second;
  NextHop hop;
  hop.kind = kind;
  hop.port = port;
  hop.link.from = table_.port(port).mac;
  hop.mtu = table_.port(port).mtu;
  hop.gateway = gateway;
  const auto neighbour = static_neighbours_.find({port, gateway});
  if (neighbour != static_neighbours_.end()) {
    hop.link.to = neighbour->second;
    hop.has_mac = true;
  }
  table_.next_hops_.push_back(hop);
  return index;
}

bool Compiler::claim(const Prefix& prefix, const std::string& where) {
  const auto [it, fresh] = claimed_.emplace(prefix, where);
  if (!fresh) error(prefix.text() + " is also routed by " + it->second, where, "keep one of them");
  return fresh;
}

bool Compiler::refuse_reserved(const Prefix& prefix, const std::string& where) {
  for (const Prefix& reserved : reserved_prefixes()) {
    if (!covers(reserved, prefix)) continue;
    error(prefix.text() + " is within " + reserved.text() + ", which is never routed", where,
          "use another address");
    return true;
  }
  return false;
}

void Compiler::fill_tries() {
  std::stable_sort(leaves_.begin(), leaves_.end(),
                   [](const Leaf& a, const Leaf& b) { return a.prefix.length < b.prefix.length; });
  for (const Leaf& leaf : leaves_) {
    const std::uint8_t* key = leaf.prefix.address.network();
    const bool fits = leaf.prefix.is_v4() ? table_.lpm4_.add(key, leaf.prefix.length, leaf.index)
                                          : table_.lpm6_.add(key, leaf.prefix.length, leaf.index);
    if (!fits) return error("more routes than the tables can hold", "routes", "aggregate them");
  }
}

/// Of leaves with the same prefix the last one holds, as in the tries.
void Compiler::list_entries() {
  std::map<Prefix, std::uint32_t> entries;
  for (const Leaf& leaf : leaves_) entries.insert_or_assign(leaf.prefix, leaf.index);
  table_.entries_.reserve(entries.size());
  for (const auto& [prefix, index] : entries) table_.entries_.push_back({prefix, index});
}

tl::expected<std::shared_ptr<const Table>, std::vector<Error>> compile(const Source& source) {
  return Compiler(source).run();
}

}  // namespace sluice::route
