#include "dataplane/balancer/schedule/candidates.hpp"

#include <algorithm>

namespace sluice::balancer {
IpAddress address_for(const ServiceSource& service, const BackendSource& backend, unsigned family) {
  IpAddress other;
  for (const IpAddress& address : backend.addresses) {
    if (family_of(address) == family) return address;
    other = address;
  }
  return is_tunnel(service.mode) ? other : IpAddress{};
}

bool is_alive(const ServiceSource& service, const BackendSource& backend, unsigned family) {
  const IpAddress address = address_for(service, backend, family);
  return address != IpAddress{} && backend.alive[family_of(address)];
}

std::uint32_t share_of(const ServiceSource& service, const BackendSource& backend,
                       unsigned family) {
  return is_alive(service, backend, family) ? backend.weight : 0;
}

std::shared_ptr<const MaglevTable> maglev_of(const ServiceSource& service, unsigned family,
                                             const std::shared_ptr<const MaglevTable>& before) {
  std::vector<MaglevMember> members;
  for (const BackendSource& backend : service.backends)
    members.push_back({backend.name, share_of(service, backend, family)});
  if (before != nullptr && before->made_of(members, service.table_size)) return before;
  return std::make_shared<MaglevTable>(members, service.table_size);
}

std::shared_ptr<const Lineup> lineup_of(const ServiceSource& service, unsigned family) {
  const bool turns = service.scheduler == Scheduler::weighted_round_robin;
  if (!turns && service.scheduler != Scheduler::least_connections) return nullptr;
  auto lineup = std::make_shared<Lineup>();
  std::vector<std::uint32_t> weights;
  for (std::size_t i = 0; i < service.backends.size(); ++i) {
    const std::uint32_t weight = share_of(service, service.backends[i], family);
    if (weight == 0) continue;
    lineup->members.push_back(static_cast<std::uint16_t>(i));
    weights.push_back(weight);
  }
  if (turns) lineup->rotation = Rotation(weights);
  return lineup;
}

}  // namespace sluice::balancer
