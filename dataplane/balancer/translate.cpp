// The stage after the filter: packets to services go to their flow's backend, or to a chosen one.
#include "dataplane/balancer/drain.hpp"
#include "dataplane/balancer/full_nat.hpp"
#include "dataplane/balancer/icmp_error.hpp"
#include "dataplane/balancer/packets.hpp"
#include "dataplane/balancer/service_table.hpp"

namespace sluice::balancer {
namespace {

Flow flow_to(const Packet& p, const Service& service, const Backend& backend, Ticks now) {
  Flow flow;
  flow.client = p.key.source;
  flow.service = p.key.destination;
  flow.backend = backend.addresses[family_of(p.key.destination)];
  flow.client_port = p.key.source_port;
  flow.service_port = p.key.destination_port;
  flow.backend_port = backend.port;
  flow.protocol = p.key.protocol;
  flow.state = first_state(p.key.protocol, p.tcp_flags);
  flow.direct = replies_pass(service.mode) ? 0 : 1;
  flow.local = service.local ? 1 : 0;
  flow.tunnel = is_tunnel(service.mode) ? 1 : 0;
  flow.expires = now + service.lifetimes[static_cast<unsigned>(flow.state)];
  flow.backend_id = backend.id() & 0x1fffffffU;
  return flow;
}

struct Translator {
  Context& context;
  const ServiceTable& services;
  FlowTable& flows;
  Burst& burst;
  Ticks now;
  /// Between restore and here the filter ran, which removes no flow.
  std::uint64_t removals = flows.removals();
  std::uint64_t unknown = 0;

  void count(const Packet& p, const Backend& backend) {
    const unsigned bytes = ip_bytes(p);
    context.slots->add(services.service_of(backend).slots.forward, bytes);
    context.slots->add(backend.slots.forward, bytes);
  }

  /// To the backend as it is, perhaps in a tunnel.
  static void pass_on(Packet& p, const Backend& backend, const IpAddress& address) {
    p.via = &address;
    p.flags |= backend.marks;
  }

  void assign(Packet& p, const Backend& backend) {
    p.service = backend.service + 1;
    p.backend = services.index_of(backend) + 1;
    p.flags |= packet_flag::kTranslated;
  }

  /// Towards the backend; `direct` by the flow where there is one, whatever the service says now.
  [[gnu::always_inline]] void deliver(Packet& p, const Backend& backend, bool direct) {
    assign(p, backend);
    const IpAddress& address = backend.addresses[family_of(p)];
    if (direct)
      pass_on(p, backend, address);
    else
      rewrite(p, End::destination, address, backend.port);
    count(p, backend);
  }

  /// Towards the backend of a flow that has a local end.
  [[gnu::noinline]] void deliver_local(unsigned i, const Backend& backend, std::uint32_t index) {
    Packet& p = burst.packets[i];
    const DropReason reason = to_backend(p, flows.flow(index), flows.local(index));
    if (reason != DropReason::none) return burst.drop(i, reason);
    assign(p, backend);
    count(p, backend);
  }

  /// The flow that restore found, or that a packet before this one in the burst began. What restore
  /// found may have made room for another flow since.
  FlowTable::Hit flow_of(const Packet& p) {
    if (p.flow != 0 &&
        (flows.removals() == removals || flows.flow(p.flow - 1).forward_matches(p.key)))
      return {FlowTable::Side::forward, p.flow - 1};
    return flows.find(p.key, now);
  }

  /// The flow's backend, unless the way there is gone: what went in a tunnel may be hops away.
  [[gnu::always_inline]] const Backend* way_of(const Flow& flow, unsigned family) const {
    const Backend* backend = backend_of(services, flow, family);
    const bool lost = flow.tunnel != 0 && backend != nullptr &&
                      replies_pass(services.services()[backend->service].mode);
    return lost ? nullptr : backend;
  }

  [[gnu::always_inline]] void known(unsigned i, std::uint32_t index, bool shared) {
    Packet& p = burst.packets.data()[i];
    const Flow& flow = flows.flow(index);
    const Backend* backend = way_of(flow, family_of(p));
    const bool steady = backend != nullptr && backend->steady(family_of(p));
    if ((!steady || (begins_connection(p) && over(flow.state))) &&
        !goes_on(i, index, backend, shared))
      return;
    p.flow = index + 1;
    const Lifetimes& lifetimes = services.service_of(*backend).lifetimes;
    flows.touch(index, after_client(flow.state, p.tcp_flags, flow.direct), lifetimes, now);
    if (flow.local) [[unlikely]]
      return deliver_local(i, *backend, index);
    deliver(p, *backend, flow.direct);
  }

  /// Whether the flow takes the packet although it is over, or its backend gone, dead or drained.
  /// If not, the packet has been seen to.
  [[gnu::noinline]] bool goes_on(unsigned i, std::uint32_t index, const Backend* backend,
                                 bool shared) {
    const Packet& p = burst.packets[i];
    const Flow& flow = flows.flow(index);
    const bool begins = begins_connection(p);
    const bool drained = backend != nullptr && services.has_drained(*backend, context.now);
    const bool dead = backend == nullptr || !backend->alive[family_of(p)] || drained;
    if ((begins && over(flow.state)) || (dead && (begins || p.key.protocol == ip_protocol::kUdp))) {
      if (drained) count_end(context, services.service_of(*backend), flow);
      flows.remove(index, now);
      begin(i, shared);
      return false;
    }
    if (backend == nullptr) {
      flows.close(index, kGoneLifetime, now);
      burst.drop(i, DropReason::service_gone);
      return false;
    }
    return !drained || end_flow(context, services.service_of(*backend), flows, burst, i, index);
  }

  [[gnu::noinline]] void begin(unsigned i, bool shared) {
    Packet& p = burst.packets[i];
    p.flow = 0;
    const Service* service =
        services.find(p.key.destination, p.key.destination_port, p.key.protocol);
    if (service == nullptr) {
      if (!shared) unwanted(i);
      return;
    }
    const Backend* backend = choose(p, flows, beginning(p, *service));
    if (backend == nullptr) return burst.drop(i, DropReason::no_backend);
    if (service->local) return begin_local(i, *service, *backend);
    // A reset ends what is not there: it is passed on to where the flow would be.
    if ((p.tcp_flags & tcp_flag::kRst) == 0) {
      const FlowTable::Inserted outcome = insert(p, *service, backend);
      if (outcome != FlowTable::Inserted::done && replies_pass(service->mode))
        return burst.drop(i, reason_of(outcome));
      // Where its other packets will go, which find no flow either.
      if (outcome != FlowTable::Inserted::done) backend = services.choose(*service, p.key);
    }
    deliver(p, *backend, !replies_pass(service->mode));
  }

  /// What a flow without its first packet would need to know is lost: its local port, or by how
  /// much numbers are shifted. The sender is told by a reset, which is not ours to make.
  void begin_local(unsigned i, const Service& service, const Backend& chosen) {
    Packet& p = burst.packets[i];
    if (p.key.protocol == ip_protocol::kTcp && !begins_connection(p)) {
      p.reason = DropReason::flow_unknown;
      unknown |= std::uint64_t{1} << i;
      return;
    }
    const Backend* backend = &chosen;
    const FlowTable::Inserted outcome = insert(p, service, backend);
    if (outcome == FlowTable::Inserted::done) return deliver_local(i, *backend, p.flow - 1);
    if (outcome == FlowTable::Inserted::no_port)
      context.slots->add(service.local_slots.exhausted, 0);
    burst.drop(i, reason_of(outcome));
  }

  static DropReason reason_of(FlowTable::Inserted outcome) {
    if (outcome == FlowTable::Inserted::no_port) return DropReason::local_ports_exhausted;
    return outcome == FlowTable::Inserted::full ? DropReason::flow_table_full
                                                : DropReason::flow_collision;
  }

  [[nodiscard]] Beginning beginning(const Packet& p, const Service& service) const {
    return {services, service, p.key, *context.slots, flows.hash(p.key), now};
  }

  /// Begins a flow to `backend`, or to another where its replies would look like another flow's, or
  /// where no local port is left.
  FlowTable::Inserted insert(Packet& p, const Service& service, const Backend*& backend) {
    FlowTable::InsertResult result;
    for (unsigned attempt = 1; attempt <= kChooseAttempts; ++attempt) {
      result = insert_at(p, service, *backend);
      if (result.outcome == FlowTable::Inserted::done ||
          result.outcome == FlowTable::Inserted::full)
        break;
      backend = choose(p, flows, beginning(p, service), attempt);
    }
    if (result.outcome == FlowTable::Inserted::done) {
      p.flow = result.index + 1;
      if (!service.plain()) flows.scheduling().begun(beginning(p, service), *backend);
      context.slots->add(service.slots.flows, 0);
      context.slots->add(backend->slots.flows, 0);
    }
    return result.outcome;
  }

  FlowTable::InsertResult insert_at(const Packet& p, const Service& service,
                                    const Backend& backend) {
    const Flow flow = flow_to(p, service, backend, now);
    if (!service.local) return flows.insert(flow, now);
    LocalEnd end = local_end_of(service, flow, p);
    if (service.mode == Mode::full_nat &&
        !flows.claim(services.pool(backend, family_of(flow.service)), flow, now, end))
      return {FlowTable::Inserted::no_port, 0};
    return flows.insert(flow, now, end);
  }

  /// Without a flow here (it may be another worker's) the error goes where Maglev sends the flow.
  void error(Packet& p) {
    const std::optional<Quote> quote = quote_of(p);
    if (!quote) return;
    const FlowKey key = quote->key.reversed();
    const FlowTable::Hit hit = flows.find(key, now);
    const Backend* backend = nullptr;
    bool direct = false;
    if (hit.side == FlowTable::Side::forward) {
      p.flow = hit.index + 1;
      backend = way_of(flows.flow(hit.index), family_of(p));
      direct = flows.flow(hit.index).direct;
    } else if (const Service* service =
                   services.find(key.destination, key.destination_port, key.protocol)) {
      if (!service->local) backend = services.choose(*service, key);
      direct = !replies_pass(service->mode);
    }
    if (backend == nullptr) return;  // left to the route: it is about nothing of ours
    const IpAddress& address = backend->addresses[family_of(key.destination)];
    if (hit.side == FlowTable::Side::forward && flows.flow(hit.index).local)
      translate_error(p, *quote, flows.flow(hit.index), flows.local(hit.index));
    else if (direct)
      pass_on(p, *backend, address);
    else
      translate_error(p, *quote, address, backend->port);
    assign(p, *backend);
    count(p, *backend);
  }

  void packet(unsigned i, bool shared) {
    Packet& p = burst.packets.data()[i];
    // Nearly all are of a flow that restore found.
    if (p.flow != 0 && (p.flags & (packet_flag::kRestored | packet_flag::kIcmpError)) == 0 &&
        flows.removals() == removals)
      return known(i, p.flow - 1, shared);
    if (p.has(packet_flag::kRestored) || !p.has(packet_flag::kIp)) return;
    if (p.has(packet_flag::kIcmpError)) return error(p);
    if (has_ports(p)) {
      const FlowTable::Hit hit = flow_of(p);
      if (hit.side == FlowTable::Side::forward) return known(i, hit.index, shared);
      return begin(i, shared);
    }
    if (!shared) unwanted(i);
  }

  /// No service wants it. ICMP is the route's to answer.
  void unwanted(unsigned i) {
    const Packet& p = burst.packets[i];
    const bool icmp = p.key.protocol == ip_protocol::kIcmp || p.key.protocol == ip_protocol::kIcmp6;
    if (icmp || !services.serves(p.key.destination)) return;
    burst.drop(i, p.has(packet_flag::kLaterFragment) ? DropReason::service_fragment
                                                     : DropReason::service_port_closed);
  }
};

}  // namespace

std::uint64_t translate(Context& context, const ServiceTable& services, FlowTable& flows,
                        Burst& burst, std::uint64_t mask, std::uint64_t shared) {
  Translator translator{context, services, flows, burst, ticks_of(context.now)};
  for_each_bit(burst.alive & mask,
               [&](unsigned i) { translator.packet(i, ((shared >> i) & 1U) != 0); });
  return translator.unknown;
}

}  // namespace sluice::balancer
