// The stage before tracking: who is known here, and the way back of translated flows.
#include <array>

#include "dataplane/balancer/drain.hpp"
#include "dataplane/balancer/full_nat.hpp"
#include "dataplane/balancer/icmp_error.hpp"
#include "dataplane/balancer/packets.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/balancer/tunnel_error.hpp"

namespace sluice::balancer {
namespace {

using Side = FlowTable::Side;

/// Flow records aged with every burst: a table of 262,144 is walked through in 16,384 bursts.
constexpr unsigned kAgedPerBurst = 16;

struct Restorer {
  Context& context;
  const ServiceTable& services;
  FlowTable& flows;
  Burst& burst;
  Ticks now;
  std::uint64_t to_services = 0;

  void hand_over(unsigned i, std::uint16_t worker) {
    burst.packets[i].handed_to = worker;
    burst.decide(i, Verdict::handed);
  }

  void reply(unsigned i, std::uint32_t index) {
    Packet& p = burst.packets[i];
    const Flow& flow = flows.flow(index);
    const Backend* backend = backend_of(services, flow, family_of(p));
    if (backend == nullptr) {
      flows.close(index, kGoneLifetime, now);
      burst.drop(i, DropReason::service_gone);
      return;
    }
    const Service& service = services.service_of(*backend);
    if (services.has_drained(*backend, context.now) &&
        !end_flow(context, service, flows, burst, i, index))
      return;
    if (flow.local) [[unlikely]]
      to_client(p, flow, flows.local(index));
    else
      rewrite(p, End::source, flow.service, flow.service_port);
    p.flags |= packet_flag::kRestored;
    mark(p, services, *backend, index);
    flows.touch(index, after_backend(flow.state, p.tcp_flags), service.lifetimes, now);
    const unsigned bytes = ip_bytes(p);
    context.slots->add(service.slots.replies, bytes);
    context.slots->add(backend->slots.replies, bytes);
  }

  void error(unsigned i) {
    Packet& p = burst.packets[i];
    const std::optional<Quote> quote = quote_of(p);
    if (!quote) return;
    const FlowKey key = quote->key.reversed();
    const FlowTable::Hit hit = flows.find(key, now);
    if (hit.side == Side::redirect) hand_over(i, hit.worker);
    if (hit.side == Side::forward) p.flow = hit.index + 1;
    if (hit.side != Side::reply) return;
    const Flow& flow = flows.flow(hit.index);
    if (flow.local)
      restore_error(p, *quote, flow, flows.local(hit.index));
    else
      restore_error(p, *quote, flow.service, flow.service_port);
    p.flags |= packet_flag::kRestored;
    const Backend* backend = backend_of(services, flow, family_of(p));
    if (backend != nullptr) mark(p, services, *backend, hit.index);
  }

  void packet(unsigned i, const FlowTable::Hit& hit) {
    switch (hit.side) {
      case Side::none:
        return;
      case Side::forward:
        burst.packets[i].flow = hit.index + 1;
        to_services |= std::uint64_t{1} << i;
        return;
      case Side::reply:
        return reply(i, hit.index);
      case Side::redirect:
        return hand_over(i, hit.worker);
    }
  }
};

}  // namespace

std::uint64_t restore(Context& context, const ServiceTable& services, FlowTable& flows,
                      Burst& burst) {
  const Ticks now = ticks_of(context.now);
  flows.age(now, kAgedPerBurst);
  if (services.has_tunnels()) restore_tunnels(context, services, burst);
  if (flows.empty()) return 0;
  Restorer restorer{context, services, flows, burst, now};
  std::uint64_t balanced = 0;
  std::uint64_t errors = 0;
  std::array<std::uint64_t, kBurstMax> hashes;
  burst.for_each_alive([&](unsigned i, const Packet& p) {
    if (has_ports(p)) {
      balanced |= std::uint64_t{1} << i;
      hashes[i] = flows.hash(p.key);
      flows.prefetch(hashes[i]);
    } else if (p.has(packet_flag::kIcmpError)) {
      errors |= std::uint64_t{1} << i;
    }
  });
  std::array<std::uint32_t, kBurstMax> likely;
  for_each_bit(balanced, [&](unsigned i) { likely[i] = flows.probe(hashes[i]); });
  for_each_bit(balanced, [&](unsigned i) {
    const Packet& p = burst.packets[i];
    restorer.packet(i, flows.confirm(p.key, hashes[i], likely[i], now));
  });
  for_each_bit(errors, [&](unsigned i) { restorer.error(i); });
  return restorer.to_services;
}

}  // namespace sluice::balancer
