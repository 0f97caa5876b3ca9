// From the configuration's plain values to a ServiceTable; every mistake is reported.
#include <algorithm>
#include <bit>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "dataplane/balancer/listener_hash.hpp"
#include "dataplane/balancer/local_pools.hpp"
#include "dataplane/balancer/schedule/candidates.hpp"
#include "dataplane/balancer/service_table.hpp"

namespace sluice::balancer {
namespace {

constexpr std::size_t kBackendsMax = 65'000;  ///< of a service: indices fit 16-bit slots

Lifetimes lifetimes_of(const ServiceSource& source) {
  Lifetimes all{};
  const auto set = [&](FlowState state, Nanoseconds lifetime) {
    all[static_cast<unsigned>(state)] = ticks_of(lifetime);
  };
  set(FlowState::opening, source.tcp_half_open);
  set(FlowState::answered, source.tcp_half_open);
  set(FlowState::picked_up, source.tcp_half_open);
  set(FlowState::established, source.tcp_idle);
  // With NAT the backend's FIN will be seen; without, the client's is the last sign there is.
  const bool direct = !replies_pass(source.mode);
  set(FlowState::half_closed_by_client, direct ? source.tcp_closing : source.tcp_idle);
  set(FlowState::half_closed_by_backend, source.tcp_idle);
  set(FlowState::reset_by_client, source.tcp_closing);
  set(FlowState::closed, source.tcp_closing);
  set(FlowState::fresh, source.udp_idle);
  set(FlowState::assured, source.udp_idle);
  return all;
}

void set_alive(Backend& backend, const ServiceSource& service, const BackendSource& source) {
  for (unsigned family = 0; family < backend.alive.size(); ++family)
    backend.alive[family] = is_alive(service, source, family);
}

Persistence persistence_of(const ServiceSource& source) {
  if (!source.persistence) return {};
  return {source.persistence->prefixes, ticks_of(source.persistence->timeout)};
}

std::string protocol_text(std::uint8_t protocol) {
  if (protocol == ip_protocol::kTcp) return "TCP";
  return protocol == ip_protocol::kUdp ? "UDP" : fmt::format("protocol {}", protocol);
}

}  // namespace

class Compiler {
 public:
  Compiler(const Source& source, SlotRegistry& slots, const Ways& ways, const ServiceTable* before)
      : source_(source), slots_(slots), ways_(ways) {
    if (before == nullptr) return;
    for (std::uint32_t i = 0; i < before->services_.size(); ++i)
      before_.emplace(before->service_names_[i], &before->services_[i]);
  }

  tl::expected<std::shared_ptr<const ServiceTable>, std::vector<Error>> run() {
    for (const ServiceSource& service : source_.services)
      for (const IpAddress& address : service.addresses) service_addresses_.insert(address);
    for (const ServiceSource& service : source_.services) check(service);
    if (!errors_.empty()) return tl::unexpected(std::move(errors_));
    table_->choice_seed_ = source_.choice_seed;
    for (const ServiceSource& service : source_.services) add(service);
    fill_listeners();
    table_->pools_ = std::make_shared<const std::vector<LocalPool>>(pools_.take());
    sort_unique(table_->tunnel_ends_);
    sort_unique(table_->tunnel_sources_);
    if (slots_exhausted_)
      report("balancer", fmt::format("out of counter slots (there are {})", slots_.limit()),
             "raise the limit of counters or use fewer services and backends");
    if (!errors_.empty()) return tl::unexpected(std::move(errors_));
    return std::shared_ptr<const ServiceTable>(std::move(table_));
  }

 private:
  void report(std::string where, std::string what, std::string fix) {
    errors_.push_back({std::move(what), std::move(where), std::move(fix)});
  }

  void check(const ServiceSource& service) {
    const std::string where = "service " + service.name;
    if (service.name.empty() || service.name.find('/') != std::string::npos)
      report(where, "a service's name is empty or contains '/'", "name it with letters and dashes");
    if (!names_.insert(service.name).second)
      report(where, "two services have this name", "rename one of them");
    if (service.protocol != ip_protocol::kTcp && service.protocol != ip_protocol::kUdp)
      report(where, protocol_text(service.protocol) + " cannot be balanced", "use TCP or UDP");
    if (service.port == 0) report(where, "port 0 is not a port", "use 1 to 65535");
    if (std::find(kMaglevSizes.begin(), kMaglevSizes.end(), service.table_size) ==
        kMaglevSizes.end())
      report(where, fmt::format("table size {} is not on offer", service.table_size),
             fmt::format("use one of {}", fmt::join(kMaglevSizes, ", ")));
    if (service.backends.size() > std::min<std::size_t>(service.table_size, kBackendsMax))
      report(where,
             fmt::format("{} backends are more than its table can hold", service.backends.size()),
             "choose a larger table or fewer backends");
    check_lifetimes(service, where);
    check_addresses(service, where);
    check_backends(service, where);
    if (is_tunnel(service.mode)) check_tunnels(service, where, ways_, errors_);
    check_local(service, where, ways_, errors_);
  }

  void check_lifetimes(const ServiceSource& service, const std::string& where) {
    const Nanoseconds remembered =
        service.persistence ? service.persistence->timeout : service.udp_idle;
    for (const Nanoseconds lifetime : {service.tcp_idle, service.tcp_half_open, service.tcp_closing,
                                       service.udp_idle, service.local_port_rest, remembered}) {
      if (lifetime >= kMillisecond && lifetime <= kLifetimeMax) continue;
      report(where, fmt::format("a time-out of {} ns cannot be kept", lifetime),
             "use 1 millisecond to 12 days");
    }
  }

  void check_addresses(const ServiceSource& service, const std::string& where) {
    if (service.addresses.empty()) report(where, "it has no address", "give it at least one");
    for (const IpAddress& address : service.addresses) {
      if (address.is_unspecified() || address.is_multicast() || address.is_loopback())
        report(where, address.text() + " cannot be a service address", "use a unicast address");
      if (!listening_.insert({address, service.port, service.protocol}).second)
        report(where,
               fmt::format("{} port {} ({}) is taken by another service", address.text(),
                           service.port, protocol_text(service.protocol)),
               "change the address or the port");
    }
  }

  void check_backends(const ServiceSource& service, const std::string& where) {
    std::set<std::string> names;
    for (const BackendSource& backend : service.backends) {
      const std::string here = where + ", backend " + backend.name;
      if (backend.name.empty() || backend.name.find('/') != std::string::npos)
        report(here, "a backend's name is empty or contains '/'",
               "name it with letters and dashes");
      if (!names.insert(backend.name).second)
        report(here, "two backends of the service have this name", "rename one of them");
      if (!replies_pass(service.mode) && backend.port != 0 && backend.port != service.port)
        report(here,
               std::string(is_tunnel(service.mode) ? "a tunnel" : "direct return") +
                   " cannot change the port",
               "leave the port out or use NAT");
      if (backend.weight > kWeightMax)
        report(here, fmt::format("a weight of {} is too large", backend.weight),
               fmt::format("use {} at most", kWeightMax));
      check_backend_addresses(backend, here);
    }
  }

  void check_backend_addresses(const BackendSource& backend, const std::string& here) {
    if (backend.addresses.empty()) report(here, "it has no address", "give it one or two");
    std::array<unsigned, 2> of_family{};
    for (const IpAddress& address : backend.addresses) {
      ++of_family[family_of(address)];
      if (address.is_unspecified() || address.is_multicast() || address.is_loopback())
        report(here, address.text() + " cannot be a backend's address", "use a unicast address");
      if (service_addresses_.count(address) != 0)
        report(here, address.text() + " is itself the address of a service: a loop",
               "use the backend's own address");
    }
    if (of_family[0] > 1 || of_family[1] > 1)
      report(here, "it has more than one address of a family", "make each a backend of its own");
  }

  Slot slot(const std::string& name) {
    const Slot found = slots_.slot_of(name);
    slots_exhausted_ |= found == kNoSlot;
    return found;
  }

  /// Segments that name a thing are followed by its name: metrics take them as labels.
  TrafficSlots traffic_slots(const std::string& name) {
    return {slot(name), slot("replies/" + name), slot(name + "/flows")};
  }

  void add(const ServiceSource& source) {
    const auto index = static_cast<std::uint32_t>(table_->services_.size());
    Service service;
    service.mode = source.mode;
    service.first_backend = static_cast<std::uint32_t>(table_->backends_.size());
    service.backends = static_cast<std::uint32_t>(source.backends.size());
    service.slots = traffic_slots("service/" + source.name);
    service.lifetimes = lifetimes_of(source);
    add_local(source, service);
    service.scheduler = source.scheduler;
    service.persistence = persistence_of(source);
    service.ended = slot("service/" + source.name + "/flows_ended_by_drain");
    for (const BackendSource& backend : source.backends) add(source, backend, index, service);
    for (const IpAddress& address : source.addresses) {
      listeners_.push_back({address, source.port, source.protocol, true, index});
      auto& table = service.tables[family_of(address)];
      if (table != nullptr) continue;
      table = maglev_of(source, family_of(address), table_before(source, family_of(address)));
      service.lineups[family_of(address)] = lineup_of(source, family_of(address));
    }
    table_->services_.push_back(std::move(service));
    table_->service_names_.push_back(source.name);
  }

  void add(const ServiceSource& service, const BackendSource& source, std::uint32_t index,
           Service& compiled) {
    Backend backend;
    for (const IpAddress& address : source.addresses)
      backend.addresses[family_of(address)] = address;
    if (is_tunnel(service.mode)) add_tunnels(service, backend, compiled);
    backend.port = source.port == 0 ? service.port : source.port;
    set_alive(backend, service, source);
    backend.weight = static_cast<std::uint16_t>(source.weight);
    backend.ends = source.weight == 0 && source.drains_since && service.drain_timeout;
    table_->drain_ends_.push_back(backend.ends ? *source.drains_since + *service.drain_timeout : 0);
    backend.service = index;
    backend.slots = traffic_slots("service/" + service.name + "/backend/" + source.name);
    if (backend.id() >= table_->by_id_.size()) table_->by_id_.resize(backend.id() + 1);
    table_->by_id_[backend.id()] = static_cast<std::uint32_t>(table_->backends_.size()) + 1;
    table_->backends_.push_back(backend);
    table_->backend_names_.push_back(source.name);
  }

  /// That of the service of this name before, if there was one.
  [[nodiscard]] std::shared_ptr<const MaglevTable> table_before(const ServiceSource& source,
                                                                unsigned family) const {
    const auto found = before_.find(source.name);
    return found == before_.end() ? nullptr : found->second->tables[family];
  }

  void add_local(const ServiceSource& source, Service& service) {
    service.proxy = source.proxy;
    service.local = source.mode == Mode::full_nat || source.proxy != 0;
    if (source.mode != Mode::full_nat) return;
    service.local_port_rest = ticks_of(source.local_port_rest);
    service.local_slots = {slot("service/" + source.name + "/local_ports_in_use"),
                           slot("service/" + source.name + "/local_ports_exhausted")};
    service.pools = pools_.size();
    for (const BackendSource& backend : source.backends) pools_.add(source, backend, ways_);
  }

  /// A packet of either family may go in an outer header of the other, if the backend has only
  /// that.
  void add_tunnels(const ServiceSource& service, Backend& backend, Service& compiled) {
    backend.marks = packet_flag::kTunnel;
    backend.tunnels = static_cast<std::uint32_t>(table_->tunnels_.size());
    for (unsigned family = 0; family < 2; ++family) {
      IpAddress& end = backend.addresses[family];
      if (end == IpAddress{}) end = backend.addresses[1 - family];
      const Way way = way_to(ways_, end);
      const Tunnel tunnel = tunnel_to(end, service.tunnel, service.mode, way, family == 0);
      table_->tunnels_.push_back(tunnel);
      table_->tunnel_ends_.push_back(end);
      table_->tunnel_sources_.push_back(source_of(service.tunnel, end, way));
      std::uint16_t& most = compiled.segment_most[family];
      if (most == 0 || tunnel.segment < most) most = tunnel.segment;
    }
  }

  void fill_listeners() {
    for (const IpAddress& address : service_addresses_)
      listeners_.push_back({address, 0, 0, true, 0});
    if (listeners_.empty()) return;
    table_->listeners_.resize(std::bit_ceil(listeners_.size() * 2));
    const std::size_t mask = table_->listeners_.size() - 1;
    for (const Listener& listener : listeners_) {
      std::size_t at = listener_hash(listener.address, listener.port, listener.protocol) & mask;
      while (table_->listeners_[at].used) at = (at + 1) & mask;
      table_->listeners_[at] = listener;
    }
  }

  template <class T>
  static void sort_unique(std::vector<T>& all) {
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
  }

  const Source& source_;
  SlotRegistry& slots_;
  const Ways& ways_;
  std::unordered_map<std::string_view, const Service*> before_;
  std::vector<Error> errors_;
  bool slots_exhausted_ = false;
  std::set<std::string> names_;
  std::set<IpAddress> service_addresses_;
  std::set<std::tuple<IpAddress, std::uint16_t, std::uint8_t>> listening_;
  std::vector<Listener> listeners_;
  LocalPools pools_;
  std::shared_ptr<ServiceTable> table_ = std::make_shared<ServiceTable>();
};

tl::expected<std::shared_ptr<const ServiceTable>, std::vector<Error>> compile(
    const Source& source, SlotRegistry& slots, const Ways& ways, const ServiceTable* before) {
  return Compiler(source, slots, ways, before).run();
}

std::shared_ptr<const ServiceTable> with_health(const ServiceTable& before, const Source& source,
                                                std::span<const std::size_t> services) {
  auto table = std::make_shared<ServiceTable>(before);
  for (const std::size_t index : services) {
    const ServiceSource& from = source.services[index];
    Service& service = table->services_[index];
    for (std::size_t b = 0; b < from.backends.size(); ++b)
      set_alive(table->backends_[service.first_backend + b], from, from.backends[b]);
    for (unsigned family = 0; family < service.tables.size(); ++family) {
      if (service.tables[family] == nullptr) continue;
      service.tables[family] = maglev_of(from, family, service.tables[family]);
      service.lineups[family] = lineup_of(from, family);
    }
  }
  return table;
}

}  // namespace sluice::balancer
