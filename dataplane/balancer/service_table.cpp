#include "dataplane/balancer/service_table.hpp"

#include <algorithm>

#include "dataplane/balancer/listener_hash.hpp"

namespace sluice::balancer {

const Service* ServiceTable::find(const IpAddress& address, std::uint16_t port,
                                  std::uint8_t protocol) const {
  if (listeners_.empty()) return nullptr;
  const std::size_t mask = listeners_.size() - 1;
  for (std::size_t at = listener_hash(address, port, protocol) & mask; listeners_[at].used;
       at = (at + 1) & mask) {
    const Listener& l = listeners_[at];
    if (l.port == port && l.protocol == protocol && l.address == address)
      return &services_[l.service];
  }
  return nullptr;
}

const Backend* ServiceTable::choose(const Service& service, const FlowKey& key,
                                    unsigned attempt) const {
  const MaglevTable* table = service.tables[family_of(key.destination)].get();
  if (table == nullptr || table->empty()) return nullptr;
  // Not the flow table's hash: its seed is this process's own, and the choice must be the same
  // everywhere.
  HashSeed seed = choice_seed_;
  seed.high += attempt;
  return &backends_[service.first_backend + table->choose(hash_of(key, seed))];
}

bool ServiceTable::is_tunnel(const IpAddress& source, const IpAddress& destination) const {
  return std::binary_search(tunnel_ends_.begin(), tunnel_ends_.end(), destination) &&
         std::any_of(tunnel_sources_.begin(), tunnel_sources_.end(),
                     [&](const Prefix& prefix) { return prefix.contains(source); });
}

std::vector<ServiceCounter> ServiceTable::counters() const {
  using Kind = ServiceCounter::Kind;
  std::vector<ServiceCounter> all;
  const auto add = [&](const TrafficSlots& slots, const std::string& service,
                       const std::string& backend) {
    all.push_back({Kind::forward, service, backend, slots.forward});
    all.push_back({Kind::replies, service, backend, slots.replies});
    all.push_back({Kind::flows, service, backend, slots.flows});
  };
  for (std::size_t s = 0; s < services_.size(); ++s) add(services_[s].slots, service_names_[s], "");
  for (std::size_t b = 0; b < backends_.size(); ++b)
    add(backends_[b].slots, service_names_[backends_[b].service], backend_names_[b]);
  return all;
}

}  // namespace sluice::balancer
