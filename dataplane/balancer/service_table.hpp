/// The services of one configuration as the workers see them: immutable, shared by all.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/balancer/flow_state.hpp"
#include "dataplane/balancer/local_ports.hpp"
#include "dataplane/balancer/schedule/candidates.hpp"
#include "dataplane/balancer/schedule/maglev.hpp"
#include "dataplane/balancer/stages.hpp"
#include "dataplane/balancer/tunnel.hpp"
#include "dataplane/runtime/counters.hpp"

namespace sluice::balancer {

/// Where a service's or a backend's traffic is counted.
struct TrafficSlots {
  Slot forward = kNoSlot;  ///< packets and bytes towards the backend
  Slot replies = kNoSlot;  ///< packets and bytes of backends (NAT)
  Slot flows = kNoSlot;    ///< events: flows begun; units (of backends only): flows ended
};

/// One cache line.
struct alignas(64) Backend {
  /// By the family of the service's address; unspecified where it has none. In a tunnel's mode an
  /// address of the other family may stand for one that is missing.
  std::array<IpAddress, 2> addresses;
  std::uint16_t port = 0;
  std::uint16_t marks = 0;      ///< packet_flag::kTunnel where its service's mode is a tunnel's
  std::array<bool, 2> alive{};  ///< as health checks said, by the family of the service's address
  std::uint16_t weight = 0;
  std::uint32_t service = 0;  ///< index
  std::uint32_t tunnels = 0;  ///< index of the tunnel for IPv4, which that for IPv6 follows
  TrafficSlots slots;
  bool ends = false;  ///< drains, and that has an end
  /// Flows from the service's addresses of a family go on as they are.
  [[nodiscard]] bool steady(unsigned family) const { return alive[family] && !ends; }
  /// New flows to the service's addresses of a family.
  [[nodiscard]] bool takes(unsigned family) const { return alive[family] && weight != 0; }
  /// What flows remember: the same in every snapshot that knows the backend by this name.
  [[nodiscard]] std::uint32_t id() const { return slots.flows; }
};

/// Of services whose flows have a LocalEnd.
struct LocalSlots {
  Slot in_use = kNoSlot;     ///< events: local ports in use, a gauge
  Slot exhausted = kNoSlot;  ///< events: flows for which there was none
};

/// How clients are told apart, and for how long they are remembered; 0: not at all.
struct Persistence {
  std::array<std::uint8_t, 2> prefixes{};
  Ticks lifetime = 0;
};

struct Service {
  Mode mode = Mode::nat;
  std::uint8_t proxy = 0;           ///< version of the PROXY header, or 0
  bool local = false;               ///< flows have a LocalEnd: full NAT, or a PROXY header
  std::uint32_t first_backend = 0;  ///< its backends follow one another
  std::uint32_t backends = 0;
  TrafficSlots slots;
  LocalSlots local_slots;
  Lifetimes lifetimes{};
  Ticks local_port_rest = 0;
  std::uint32_t pools = 0;  ///< of mode full_nat: index of the first backend's pool for IPv4
  /// By family: the largest TCP segment that fits all its tunnels; 0: handshakes are left alone.
  std::array<std::uint16_t, 2> segment_most{};
  /// By family; members are indices from first_backend on. Null where the service has no address.
  std::array<std::shared_ptr<const MaglevTable>, 2> tables;
  Scheduler scheduler = Scheduler::maglev;
  Persistence persistence;
  Slot ended = kNoSlot;  ///< events: flows that did not end before their backend had drained
  /// By family, where the scheduler needs one.
  std::array<std::shared_ptr<const Lineup>, 2> lineups;
  /// New flows go where ServiceTable::choose says.
  [[nodiscard]] bool plain() const {
    return (scheduler == Scheduler::maglev || scheduler == Scheduler::source_hash) &&
           persistence.lifetime == 0;
  }
};

/// Flows that a worker has at a backend, by its counters.
[[nodiscard]] inline std::uint64_t flows_at(const CounterBlock& counts, const Backend& backend) {
  const SlotValue value = counts.read(backend.id());
  return value.events > value.units ? value.events - value.units : 0;
}

/// What stands at an address, protocol and port.
struct Listener {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;  ///< 0, with port 0: there is a service at this address
  bool used = false;
  std::uint32_t service = 0;  ///< index
};

class ServiceTable {
 public:
  /// The service at exactly this address, port and protocol; nullptr if there is none.
  [[nodiscard]] const Service* find(const IpAddress& address, std::uint16_t port,
                                    std::uint8_t protocol) const;
  /// Any service has this address.
  [[nodiscard]] bool serves(const IpAddress& address) const {
    return !services_.empty() && find(address, 0, 0) != nullptr;
  }
  /// The backend that flows know by this id; nullptr if this configuration has it no more.
  [[nodiscard]] const Backend* backend_by_id(std::uint32_t id) const {
    const std::uint32_t found = id < by_id_.size() ? by_id_[id] : 0;
    return found == 0 ? nullptr : backends_.data() + (found - 1);
  }
  /// The backend that Maglev chooses for a client's packet; nullptr: none of its family accepts.
  /// Depends on the configuration and the packet alone: also the choice for packets of flows that
  /// are not known here, whatever the scheduler.
  [[nodiscard]] const Backend* choose(const Service& service, const FlowKey& key,
                                      unsigned attempt = 0) const;

  /// The local ends for a backend of a service in mode full_nat, of a family (0 is IPv4).
  [[nodiscard]] const LocalPool& pool(const Backend& backend, unsigned family) const {
    const Service& service = service_of(backend);
    return (*pools_)[service.pools + 2 * (index_of(backend) - service.first_backend) + family];
  }
  /// The backend drains, and has done so for as long as its flows may stay.
  [[nodiscard]] bool has_drained(const Backend& backend, Nanoseconds now) const {
    return backend.ends && now >= drain_ends_[index_of(backend)];
  }

  /// There are tunnels to backends.
  [[nodiscard]] bool has_tunnels() const { return !tunnels_.empty(); }
  /// The tunnel to a backend of such a service, for packets of a family (0 is IPv4).
  [[nodiscard]] const Tunnel& tunnel(const Backend& backend, unsigned family) const {
    return tunnels_[backend.tunnels + family];
  }
  /// Whether a packet with these outer addresses may have been sent into a tunnel by us.
  [[nodiscard]] bool is_tunnel(const IpAddress& source, const IpAddress& destination) const;

  [[nodiscard]] std::span<const Service> services() const { return services_; }
  [[nodiscard]] std::span<const Backend> backends() const { return backends_; }
  [[nodiscard]] const Service& service_of(const Backend& backend) const {
    return services_.data()[backend.service];
  }
  [[nodiscard]] std::uint32_t index_of(const Service& s) const {
    return static_cast<std::uint32_t>(&s - services_.data());
  }
  [[nodiscard]] std::uint32_t index_of(const Backend& b) const {
    return static_cast<std::uint32_t>(&b - backends_.data());
  }
  [[nodiscard]] const std::string& service_name(std::uint32_t index) const {
    return service_names_[index];
  }
  [[nodiscard]] const std::string& backend_name(std::uint32_t index) const {
    return backend_names_[index];
  }

 private:
  friend class Compiler;
  friend std::shared_ptr<const ServiceTable> with_health(const ServiceTable&, const Source&,
                                                         std::span<const std::size_t>);

  std::vector<Service> services_;
  std::vector<Backend> backends_;
  std::vector<std::uint32_t> by_id_;     ///< 1 + index of the backend, 0 none
  std::vector<Nanoseconds> drain_ends_;  ///< by index of the backend
  std::vector<Tunnel> tunnels_;          ///< two for each backend that is reached in one
  std::shared_ptr<const std::vector<LocalPool>> pools_;  ///< two for each backend of full NAT
  std::vector<Prefix> tunnel_sources_;
  std::vector<IpAddress> tunnel_ends_;  ///< sorted
  std::vector<Listener> listeners_;     ///< open addressing; a power of two, at most half full
  std::vector<std::string> service_names_;
  std::vector<std::string> backend_names_;
  HashSeed choice_seed_;
};

/// `before` with what `source`, from which it was compiled, now says of who lives at the services
/// of these indices. The tables of all others are shared with it.
[[nodiscard]] std::shared_ptr<const ServiceTable> with_health(
    const ServiceTable& before, const Source& source, std::span<const std::size_t> services);

}  // namespace sluice::balancer
