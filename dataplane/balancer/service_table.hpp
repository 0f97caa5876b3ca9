/// The services of one configuration as the workers see them: immutable, shared by all.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/maglev.hpp"
#include "dataplane/balancer/stages.hpp"
#include "dataplane/balancer/tunnel.hpp"

namespace sluice::balancer {

/// Index of an address family: 0 is IPv4, 1 is IPv6.
[[nodiscard]] inline unsigned family_of(const IpAddress& address) {
  return address.is_v4() ? 0U : 1U;
}

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
  std::uint32_t service = 0;    ///< index
  std::uint32_t tunnels = 0;    ///< index of the tunnel for IPv4, which that for IPv6 follows
  TrafficSlots slots;
  /// What flows remember: the same in every snapshot that knows the backend by this name.
  [[nodiscard]] std::uint32_t id() const { return slots.flows; }
};

/// Of services whose flows have a LocalEnd.
struct LocalSlots {
  Slot in_use = kNoSlot;     ///< events: local ports in use, a gauge
  Slot exhausted = kNoSlot;  ///< events: flows for which there was none
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
};

/// What stands at an address, protocol and port.
struct Listener {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;  ///< 0, with port 0: there is a service at this address
  bool used = false;
  std::uint32_t service = 0;  ///< index
};

/// A named counter for the agent.
struct ServiceCounter {
  enum class Kind : std::uint8_t { forward, replies, flows };
  Kind kind = Kind::forward;
  std::string service;
  std::string backend;  ///< empty: of the whole service
  Slot slot = kNoSlot;
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
  [[nodiscard]] const Backend* choose(const Service& service, const FlowKey& key,
                                      unsigned attempt = 0) const;

  /// The local ends for a backend of a service in mode full_nat, of a family (0 is IPv4).
  [[nodiscard]] const LocalPool& pool(const Backend& backend, unsigned family) const {
    const Service& service = service_of(backend);
    return (*pools_)[service.pools + 2 * (index_of(backend) - service.first_backend) + family];
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
  /// Every counter of every service and backend.
  [[nodiscard]] std::vector<ServiceCounter> counters() const;

 private:
  friend class Compiler;
  friend std::shared_ptr<const ServiceTable> with_health(const ServiceTable&, const Source&,
                                                         std::span<const std::size_t>);

  std::vector<Service> services_;
  std::vector<Backend> backends_;
  std::vector<std::uint32_t> by_id_;  ///< 1 + index of the backend, 0 none
  std::vector<Tunnel> tunnels_;       ///< two for each backend that is reached in one
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
