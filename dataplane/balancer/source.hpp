/// What the service table is compiled from: plain values, as the configuration states them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/packet/flow_key.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::balancer {

/// Index of an address family: 0 is IPv4, 1 is IPv6.
[[nodiscard]] inline unsigned family_of(const IpAddress& address) {
  return address.is_v4() ? 0U : 1U;
}

/// How packets reach a backend.
enum class Mode : std::uint8_t {
  nat,            ///< destination translated; replies come back through us
  direct_return,  ///< only the Ethernet destination changes; replies bypass us
  ipip,           ///< in an IP header of ours (RFC 2003, RFC 2473); replies bypass us
  gue,            ///< in IP and UDP headers of ours (draft-ietf-intarea-gue, variant 1)
  full_nat,       ///< both ends translated: backends reply to an address of ours
};

/// Replies pass here, and are translated back.
[[nodiscard]] constexpr bool replies_pass(Mode mode) {
  return mode == Mode::nat || mode == Mode::full_nat;
}

/// The packet goes in a header of ours, in front of the one it came with.
[[nodiscard]] constexpr bool is_tunnel(Mode mode) {
  return mode == Mode::ipip || mode == Mode::gue;
}

/// How a backend is chosen for a flow that begins.
enum class Scheduler : std::uint8_t {
  maglev,                ///< by the flow's addresses and ports, the same on every balancer
  weighted_round_robin,  ///< in turn
  least_connections,     ///< the fewest of the worker's flows by weight
  source_hash,           ///< by the client's address through Maglev's table
  random_of_two,         ///< of two drawn by weight the one with fewer flows
};

/// A client goes where its flow before went.
struct PersistenceSource {
  std::array<std::uint8_t, 2> prefixes{32, 64};  ///< bits of a source that name a client, by family
  Nanoseconds timeout = 600 * kSecond;           ///< after its last new flow
};

/// The outer header of modes ipip and gue.
struct TunnelSource {
  /// At most one of each family; host bits follow the flow. Without: the leaving port's address.
  std::vector<Prefix> sources;
  std::uint16_t port = 6080;  ///< UDP destination of mode gue
  bool clamp = true;          ///< lower the MSS of handshakes to what fits
};

/// What backends of mode full_nat see as the client.
struct LocalSource {
  std::vector<Prefix> addresses;  ///< none: the leaving port's address
  std::uint16_t first_port = 1024;
  std::uint16_t last_port = 0;  ///< 0: 65535, or kSharedPortLast where the host has the address
};
/// Linux takes its own ports from 32768 up.
inline constexpr std::uint16_t kSharedPortLast = 32'767;

/// The way from us to a backend, as the routes of the same configuration have it.
struct Way {
  std::uint16_t mtu = 1500;  ///< of the leaving port
  IpAddress source;  ///< address of that port, of the destination's family; unspecified: none
};
using Ways = std::function<Way(const IpAddress& destination)>;

inline constexpr std::uint32_t kWeightMax = 65'535;

struct BackendSource {
  std::string name;
  /// At most one of each family; a service address uses its own family's, or (tunnels) the other
  /// where there is none.
  std::vector<IpAddress> addresses;
  std::uint16_t port = 0;                 ///< 0: the service's port
  std::uint32_t weight = 1;               ///< 0: no new flows (drain); at most kWeightMax
  std::array<bool, 2> alive{true, true};  ///< from health checks, by family: IPv4, IPv6
  /// When a weight of 0 came into force here, by the workers' clock; unknown: it never ends.
  std::optional<Nanoseconds> drains_since{};
};

struct ServiceSource {
  std::string name;
  std::vector<IpAddress> addresses;
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;  ///< ip_protocol::kTcp or kUdp
  Mode mode = Mode::nat;
  TunnelSource tunnel;
  LocalSource local;
  std::uint8_t proxy = 0;  ///< version of the PROXY header before the client's bytes, or 0
  std::uint32_t table_size = 65537;  ///< Maglev slots: one of the primes validation offers
  std::vector<BackendSource> backends;
  Scheduler scheduler = Scheduler::maglev;
  std::optional<PersistenceSource> persistence{};
  std::optional<Nanoseconds>
      drain_timeout{};  ///< after which flows of a draining backend are ended
  Nanoseconds tcp_idle = 900 * kSecond;
  Nanoseconds tcp_half_open = 5 * kSecond;
  Nanoseconds tcp_closing = 10 * kSecond;
  Nanoseconds udp_idle = 30 * kSecond;
  Nanoseconds local_port_rest = 60 * kSecond;
};

struct Source {
  std::vector<ServiceSource> services;
  std::uint32_t flows_max = 262'144;  ///< per worker; reserved at start
  HashSeed choice_seed{};             ///< equal on all balancers that share service addresses
};

}  // namespace sluice::balancer
