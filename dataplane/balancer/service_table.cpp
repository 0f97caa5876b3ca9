#include "dataplane/balancer/service_table.hpp"

#include <algorithm>

#include "dataplane/balancer/listener_hash.hpp"

namespace sluice::balancer {
namespace {

/// All that a client's flows have in common.
FlowKey client_of(const FlowKey& key) {
  FlowKey client;
  client.source = key.source;
  return client;
}

}  // namespace

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
  const FlowKey by = service.scheduler == Scheduler::source_hash ? client_of(key) : key;
  return &backends_[service.first_backend + table->choose(hash_of(by, seed))];
}

bool ServiceTable::is_tunnel(const IpAddress& source, const IpAddress& destination) const {
  return std::binary_search(tunnel_ends_.begin(), tunnel_ends_.end(), destination) &&
         std::any_of(tunnel_sources_.begin(), tunnel_sources_.end(),
                     [&](const Prefix& prefix) { return prefix.contains(source); });
}

}  // namespace sluice::balancer
