/// Small things that both stages ask of packets and flows.
#pragma once

#include <bit>
#include <cstdint>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice::balancer {

/// How long a flow whose backend was removed is remembered, so that its packets are told apart from
/// those of new flows.
inline constexpr Ticks kGoneLifetime = 10'000;

/// Backends tried for a new flow whose replies could not be told from another flow's.
inline constexpr unsigned kChooseAttempts = 4;

/// A whole TCP or UDP header is there.
[[nodiscard]] inline bool has_ports(const Packet& p) {
  return p.has(packet_flag::kL4) && sluice::has_ports(p.key.protocol);
}

/// Bytes of the IP packet, which traffic counters add up: without Ethernet header and padding.
[[nodiscard]] inline unsigned ip_bytes(const Packet& p) {
  return static_cast<unsigned>(p.end) - p.l3;
}

/// Index of the family of an IP packet, which is that of the flow it belongs to: 0 is IPv4.
[[nodiscard]] inline unsigned family_of(const Packet& p) {
  return p.ip_version == 4 ? 0U : 1U;
}

/// The flow's backend, if the configuration still has it at the address that the flow goes to.
/// `family` is the flow's.
[[nodiscard]] inline const Backend* backend_of(const ServiceTable& services, const Flow& flow,
                                               unsigned family) {
  const Backend* backend = services.backend_by_id(flow.backend_id);
  if (backend == nullptr || backend->port != flow.backend_port ||
      backend->addresses[family] != flow.backend)
    return nullptr;
  return backend;
}

[[nodiscard]] inline bool begins_connection(const Packet& p) {
  return p.key.protocol == ip_protocol::kTcp &&
         (p.tcp_flags & (tcp_flag::kSyn | tcp_flag::kAck | tcp_flag::kRst)) == tcp_flag::kSyn;
}

/// The backend for a packet without a flow. A scheduler has a say in handshakes and UDP. Any other
/// packet may belong to a flow that is not known here: where Maglev says they at least stay
/// together.
[[nodiscard]] inline const Backend* choose(const Packet& p, const FlowTable& flows,
                                           const Beginning& flow, unsigned attempt = 0) {
  const bool begins = p.key.protocol == ip_protocol::kUdp || begins_connection(p);
  if (flow.service.plain() || !begins) return flow.services.choose(flow.service, flow.key, attempt);
  return flows.scheduling().choose(flow, attempt);
}

/// Notes for the stages and traces that follow what the balancer decided.
inline void mark(Packet& p, const ServiceTable& services, const Backend& backend,
                 std::uint32_t flow_index) {
  p.service = backend.service + 1;
  p.backend = services.index_of(backend) + 1;
  p.flow = flow_index + 1;
}

template <class F>
void for_each_bit(std::uint64_t bits, F&& f) {
  for (; bits != 0; bits &= bits - 1) f(static_cast<unsigned>(std::countr_zero(bits)));
}

}  // namespace sluice::balancer
