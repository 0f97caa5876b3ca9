/// One configuration as the workers see it: immutable, swapped whole.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/balancer/source.hpp"
#include "dataplane/balancer/stages.hpp"
#include "dataplane/dns/source.hpp"
#include "dataplane/dns/stages.hpp"
#include "dataplane/firewall/source.hpp"
#include "dataplane/firewall/stages.hpp"
#include "dataplane/packet/link_filter.hpp"
#include "dataplane/route/source.hpp"
#include "dataplane/route/stages.hpp"

namespace sluice {

/// What a snapshot is compiled from.
struct Sources {
  route::Source route;
  firewall::Source firewall;
  balancer::Source balancer;
  dns::Source dns;
};

struct Snapshot {
  std::uint64_t revision = 0;
  std::shared_ptr<const route::Table> route;
  std::shared_ptr<const firewall::RuleSet> firewall;
  std::shared_ptr<const balancer::ServiceTable> balancer;
  std::shared_ptr<const dns::ZoneSet> dns;
  Stations stations;  ///< Ethernet addresses of the ports
  std::vector<std::uint16_t> name_server_ports;
  /// Where the route leads to each backend of `balancer`: Packet::next_hop by the family of the
  /// service address, 0 is IPv4.
  std::vector<std::array<std::uint32_t, 2>> backend_hops;
  bool has_rules = false;     ///< there are firewall documents
  bool has_services = false;  ///< there are balanced services
  /// No service's address is also a name server's or the host's.
  bool services_apart = true;

  [[nodiscard]] bool is_name_server_port(std::uint16_t port) const {
    for (const std::uint16_t served : name_server_ports)
      if (served == port) return true;
    return false;
  }
};

/// Compiles every room; all mistakes of all rooms are returned. Service and name server addresses
/// are added to the route's local addresses here. What `before` has the same may be shared with it.
[[nodiscard]] tl::expected<std::shared_ptr<const Snapshot>, std::vector<Error>> compile(
    const Sources& sources, std::uint64_t revision, SlotRegistry& slots,
    const Snapshot* before = nullptr);

}  // namespace sluice
