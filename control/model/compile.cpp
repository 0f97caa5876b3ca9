#include "control/model/compile.hpp"

#include <sstream>

#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"

namespace sluice::model {
namespace {

balancer::Mode mode_of(v1::Service::Mode mode) {
  switch (mode) {
    case v1::Service::DIRECT_RETURN:
      return balancer::Mode::direct_return;
    case v1::Service::IPIP:
      return balancer::Mode::ipip;
    case v1::Service::GUE:
      return balancer::Mode::gue;
    case v1::Service::FULL_NAT:
      return balancer::Mode::full_nat;
    default:
      return balancer::Mode::nat;
  }
}

balancer::Scheduler scheduler_of(v1::Service::Scheduler scheduler) {
  switch (scheduler) {
    case v1::Service::WEIGHTED_ROUND_ROBIN:
      return balancer::Scheduler::weighted_round_robin;
    case v1::Service::LEAST_CONNECTIONS:
      return balancer::Scheduler::least_connections;
    case v1::Service::SOURCE_HASH:
      return balancer::Scheduler::source_hash;
    case v1::Service::RANDOM_OF_TWO:
      return balancer::Scheduler::random_of_two;
    default:
      return balancer::Scheduler::maglev;
  }
}

/// Turns the texts of one document into values; what cannot be turned is a problem.
class Compiler {
 public:
  Compiler(const NodeFacts& facts, Problems& problems, const Places* places)
      : facts_(facts), problems_(problems), places_(places) {}

  void add(const v1::Document& document);
  Sources take();

 private:
  void add_port(v1::Port spec, const std::string& name);
  void add_route(const v1::Route& spec);
  void add_service(v1::Service spec, const std::string& name);
  void add_tunnel(const v1::Tunnel& spec, balancer::TunnelSource& tunnel);
  void add_schedule(const v1::Service& spec, bool persists, balancer::ServiceSource& source);
  void add_firewall(v1::Firewall spec, const std::string& name);
  void add_set(const v1::AddressSet& spec, const std::string& name);
  void add_set_text(const std::string& text, firewall::AddressSetSource& set);
  void add_zone(const v1::Zone& spec, const std::string& name);
  void add_name_server(v1::NameServer spec, const std::string& name);

  /// The value, or its default with a problem about `field`.
  template <class T>
  T value_of(const Result<T>& result, const std::string& field) {
    if (result) return *result;
    problems_.add(field, result.error().what, result.error().fix);
    return T{};
  }
  IpAddress address(const std::string& text, const std::string& field) {
    return value_of(IpAddress::parse(text), field);
  }
  Prefix prefix(const std::string& text, const std::string& field) {
    return value_of(Prefix::parse(text), field);
  }
  Nanoseconds duration(const std::string& text, const std::string& field) {
    return value_of(parse_duration(text), field);
  }
  template <class Texts>
  std::vector<IpAddress> addresses(const Texts& texts, const std::string& field) {
    std::vector<IpAddress> out;
    for (const std::string& text : texts) {
      out.push_back(address(text, path_to(field, out.size())));
    }
    return out;
  }
  const NodeFacts::Port* port(const std::string& name) const {
    for (const NodeFacts::Port& p : facts_.ports) {
      if (p.name == name) return &p;
    }
    return nullptr;
  }
  std::string where_of(const std::string& field, const std::string& otherwise) const;
  [[nodiscard]] std::string no_port_fix() const;

  const NodeFacts& facts_;
  Problems& problems_;
  const Places* places_;
  std::string path_;  ///< of the spec at hand
  Sources sources_;
};

std::string Compiler::no_port_fix() const {
  std::vector<std::string> names;
  for (const NodeFacts::Port& p : facts_.ports) names.push_back(p.name);
  return names.empty() ? "name it in the node's own file" : "the node has " + one_of(names);
}

/// "lab.yaml:31", the line at which the text of a field begins; without places, `otherwise`.
std::string Compiler::where_of(const std::string& field, const std::string& otherwise) const {
  if (places_ == nullptr) return otherwise;
  const Place place = places_->find(path_to(path_, field));
  if (place.line == 0) return otherwise;
  return place.file + ":" + std::to_string(place.line + place.text_offset);
}

void Compiler::add(const v1::Document& document) {
  const std::string& name = document.name();
  path_ = key_of(document) + ": spec";
  switch (document.spec_case()) {
    case v1::Document::kPort:
      return add_port(document.port(), name);
    case v1::Document::kRoute:
      return add_route(document.route());
    case v1::Document::kService:
      return add_service(document.service(), name);
    case v1::Document::kFirewall:
      return add_firewall(document.firewall(), name);
    case v1::Document::kAddressSet:
      return add_set(document.address_set(), name);
    case v1::Document::kZone:
      return add_zone(document.zone(), name);
    case v1::Document::kNameServer:
      return add_name_server(document.name_server(), name);
    case v1::Document::SPEC_NOT_SET:
      return;
  }
}

Sources Compiler::take() {
  // A port without a document has no addresses, but it is a port.
  for (const NodeFacts::Port& fact : facts_.ports) {
    const bool listed = std::any_of(sources_.route.ports.begin(), sources_.route.ports.end(),
                                    [&](const route::PortSource& p) { return p.id == fact.id; });
    if (!listed) {
      route::PortSource bare;
      bare.name = fact.name;
      bare.id = fact.id;
      bare.mac = fact.mac;
      sources_.route.ports.push_back(bare);
    }
    sources_.firewall.ports.push_back({fact.name, fact.id});
  }
  std::sort(sources_.route.ports.begin(), sources_.route.ports.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  sources_.route.host_port = facts_.host_port;
  sources_.route.host_mac = facts_.host_mac;
  sources_.balancer.flows_max = facts_.flows_max;
  return std::move(sources_);
}

void Compiler::add_port(v1::Port spec, const std::string& name) {
  fill_defaults(spec);
  const NodeFacts::Port* fact = port(name);
  if (fact == nullptr) {
    problems_.add(path_.substr(0, path_.find(": ")), "there is no port " + quoted(name),
                  no_port_fix());
    return;
  }
  route::PortSource source;
  source.name = name;
  source.id = fact->id;
  source.mac =
      spec.mac().empty() ? fact->mac : value_of(MacAddress::parse(spec.mac()), path_ + ".mac");
  source.any_station = !fact->mac_known;
  source.mtu = static_cast<std::uint16_t>(spec.mtu());
  source.router_solicitation = spec.router_solicitation();
  for (const std::string& text : spec.addresses()) {
    source.addresses.push_back(
        prefix(text, path_to(path_ + ".addresses", source.addresses.size())));
  }
  for (const v1::Neighbour& neighbour : spec.neighbours()) {
    const std::string field = path_to(path_ + ".neighbours", source.neighbours.size());
    source.neighbours.push_back({address(neighbour.address(), field + ".address"),
                                 value_of(MacAddress::parse(neighbour.mac()), field + ".mac")});
  }
  sources_.route.ports.push_back(std::move(source));
}

void Compiler::add_route(const v1::Route& spec) {
  route::RouteEntry entry;
  entry.prefix = prefix(spec.prefix(), path_ + ".prefix");
  if (!spec.via().empty()) entry.via = address(spec.via(), path_ + ".via");
  entry.blackhole = spec.blackhole();
  if (!spec.port().empty()) {
    const NodeFacts::Port* fact = port(spec.port());
    if (fact == nullptr) {
      problems_.add(path_ + ".port", "there is no port " + quoted(spec.port()), no_port_fix());
    } else {
      entry.port = fact->id;
    }
  }
  sources_.route.routes.push_back(entry);
}

void Compiler::add_service(v1::Service spec, const std::string& name) {
  const bool persists = spec.has_persistence();
  fill_defaults(spec);
  balancer::ServiceSource source;
  source.name = name;
  source.addresses = addresses(spec.addresses(), path_ + ".addresses");
  source.port = static_cast<std::uint16_t>(spec.port());
  source.protocol = spec.protocol() == v1::Service::UDP ? ip_protocol::kUdp : ip_protocol::kTcp;
  source.mode = mode_of(spec.mode());
  add_tunnel(spec.tunnel(), source.tunnel);
  for (const std::string& text : spec.local_addresses()) {
    source.local.addresses.push_back(
        prefix(text, path_to(path_ + ".local_addresses", source.local.addresses.size())));
  }
  if (spec.local_ports().first() != 0)
    source.local.first_port = static_cast<std::uint16_t>(spec.local_ports().first());
  source.local.last_port = static_cast<std::uint16_t>(spec.local_ports().last());
  source.proxy = static_cast<std::uint8_t>(spec.proxy_protocol());
  add_schedule(spec, persists, source);
  source.table_size = spec.table_size();
  const std::string timeouts = path_ + ".timeouts";
  source.tcp_idle = duration(spec.timeouts().tcp_idle(), timeouts + ".tcp_idle");
  source.tcp_half_open = duration(spec.timeouts().tcp_half_open(), timeouts + ".tcp_half_open");
  source.tcp_closing = duration(spec.timeouts().tcp_closing(), timeouts + ".tcp_closing");
  source.udp_idle = duration(spec.timeouts().udp_idle(), timeouts + ".udp_idle");
  source.local_port_rest =
      duration(spec.timeouts().local_port_rest(), timeouts + ".local_port_rest");
  for (const v1::Backend& backend : spec.backends()) {
    const std::string field = path_to(path_ + ".backends", source.backends.size());
    balancer::BackendSource out;
    out.name = backend.name();
    out.addresses = addresses(backend.addresses(), field + ".addresses");
    out.port = static_cast<std::uint16_t>(backend.port());
    out.weight = backend.weight();
    source.backends.push_back(std::move(out));
  }
  sources_.balancer.services.push_back(std::move(source));
}

void Compiler::add_tunnel(const v1::Tunnel& spec, balancer::TunnelSource& tunnel) {
  for (const std::string& text : spec.sources()) {
    tunnel.sources.push_back(
        prefix(text, path_to(path_ + ".tunnel.sources", tunnel.sources.size())));
  }
  tunnel.port = static_cast<std::uint16_t>(spec.port());
  tunnel.clamp = spec.segment_size() == v1::Tunnel::CLAMP;
}

void Compiler::add_schedule(const v1::Service& spec, bool persists,
                            balancer::ServiceSource& source) {
  source.scheduler = scheduler_of(spec.scheduler());
  if (persists) {
    const v1::Persistence& persistence = spec.persistence();
    source.persistence = {{static_cast<std::uint8_t>(persistence.prefix_v4()),
                           static_cast<std::uint8_t>(persistence.prefix_v6())},
                          duration(persistence.timeout(), path_ + ".persistence.timeout")};
  }
  if (!spec.drain_timeout().empty())
    source.drain_timeout = duration(spec.drain_timeout(), path_ + ".drain_timeout");
}

void Compiler::add_firewall(v1::Firewall spec, const std::string& name) {
  const bool has_tracking = spec.has_tracking();
  fill_defaults(spec);
  sources_.firewall.rules.push_back(
      {name, spec.rules(), where_of("rules", "Firewall/" + name + ":1")});
  if (!has_tracking) return;
  const v1::Tracking& tracking = spec.tracking();
  const std::string field = path_ + ".tracking";
  firewall::TrackingSource& out = sources_.firewall.tracking;
  out.connections_max = tracking.connections_max();
  out.tcp_established = duration(tracking.tcp_established(), field + ".tcp_established");
  out.tcp_half_open = duration(tracking.tcp_half_open(), field + ".tcp_half_open");
  out.tcp_closing = duration(tracking.tcp_closing(), field + ".tcp_closing");
  out.udp_unreplied = duration(tracking.udp_unreplied(), field + ".udp_unreplied");
  out.udp_replied = duration(tracking.udp_replied(), field + ".udp_replied");
}

void Compiler::add_set(const v1::AddressSet& spec, const std::string& name) {
  firewall::AddressSetSource set;
  set.name = name;
  set.early_drop = spec.early_drop();
  for (const std::string& text : spec.prefixes()) {
    set.prefixes.push_back(prefix(text, path_to(path_ + ".prefixes", set.prefixes.size())));
  }
  add_set_text(spec.text(), set);
  sources_.firewall.sets.push_back(std::move(set));
}

/// One member a line, '#' begins a comment.
void Compiler::add_set_text(const std::string& text, firewall::AddressSetSource& set) {
  std::istringstream lines(text);
  std::string line;
  for (std::uint32_t number = 1; std::getline(lines, line); ++number) {
    line = line.substr(0, line.find('#'));
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos) continue;
    const std::string member = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    auto complaint = check_format(v1::PREFIX, member);
    if (!complaint) {
      set.prefixes.push_back(*Prefix::parse(member));
      continue;
    }
    v1::Problem problem;
    problem.set_path(path_ + ".text");
    problem.set_line(number);
    problem.set_what(complaint->what);
    problem.set_fix(complaint->fix);
    problems_.add(std::move(problem));
  }
}

void Compiler::add_zone(const v1::Zone& spec, const std::string& name) {
  // Lines in the errors of the zone compiler count from 1 in the text.
  sources_.dns.zones.push_back({name, spec.text(), "Zone/" + name});
}

void Compiler::add_name_server(v1::NameServer spec, const std::string& name) {
  fill_defaults(spec);
  dns::ServerSource source;
  source.name = name;
  source.addresses = addresses(spec.addresses(), path_ + ".addresses");
  source.port = static_cast<std::uint16_t>(spec.port());
  source.udp_size_max = static_cast<std::uint16_t>(spec.udp_size_max());
  source.stream.connections_max = spec.tcp().connections_max();
  source.stream.connections_per_client_max = spec.tcp().connections_per_client_max();
  source.stream.idle = duration(spec.tcp().idle(), path_ + ".tcp.idle");
  sources_.dns.servers.push_back(std::move(source));
}

}  // namespace

NodeFacts facts_of(const v1::DesiredState& state) {
  NodeFacts facts;
  for (const v1::Document& document : state.documents()) {
    if (!document.has_port()) continue;
    const auto number = static_cast<PortId>(facts.ports.size());
    const auto given = MacAddress::parse(document.port().mac());
    const MacAddress made_up{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(number)}};
    facts.ports.push_back({document.name(), number, given.value_or(made_up), given.has_value()});
  }
  return facts;
}

Sources compile_sources(const v1::DesiredState& state, const NodeFacts& facts, Problems& problems,
                        const Places* places) {
  Compiler compiler(facts, problems, places);
  for (const v1::Document& document : state.documents()) compiler.add(document);
  return compiler.take();
}

}  // namespace sluice::model
