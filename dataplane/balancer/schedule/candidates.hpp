/// Who may get new flows of a service, family by family, in the forms that schedulers ask for.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/balancer/schedule/maglev.hpp"
#include "dataplane/balancer/schedule/rotation.hpp"
#include "dataplane/balancer/source.hpp"

namespace sluice::balancer {

/// The address that the backend is reached at by packets to the service's addresses of a family (0
/// is IPv4): in a tunnel, where it has none of the family, the other one. Unspecified: none.
[[nodiscard]] IpAddress address_for(const ServiceSource& service, const BackendSource& backend,
                                    unsigned family);
/// It has such an address, and lives there.
[[nodiscard]] bool is_alive(const ServiceSource& service, const BackendSource& backend,
                            unsigned family);
/// Weight of the backend for new flows of a family; 0: it gets none.
[[nodiscard]] std::uint32_t share_of(const ServiceSource& service, const BackendSource& backend,
                                     unsigned family);

/// The table of the backends that get new flows: `before`, which may be null, if it is the same.
[[nodiscard]] std::shared_ptr<const MaglevTable> maglev_of(
    const ServiceSource& service, unsigned family,
    const std::shared_ptr<const MaglevTable>& before = nullptr);

/// For schedulers that look at backends one by one.
struct Lineup {
  std::vector<std::uint16_t> members;  ///< indices in the service; none has a share of 0
  Rotation rotation;                   ///< over `members`, of weighted_round_robin
};
/// Null where the scheduler needs none.
[[nodiscard]] std::shared_ptr<const Lineup> lineup_of(const ServiceSource& service,
                                                      unsigned family);

}  // namespace sluice::balancer
