// The stage after the filter: packets to services go to their flow's backend, or to a chosen one.
#include "dataplane/balancer/icmp_error.hpp"
#include "dataplane/balancer/packets.hpp"
#include "dataplane/balancer/service_table.hpp"

namespace sluice::balancer {
namespace {

bool begins_connection(const Packet& p) {
  return p.key.protocol == ip_protocol::kTcp &&
         (p.tcp_flags & (tcp_flag::kSyn | tcp_flag::kAck | tcp_flag::kRst)) == tcp_flag::kSyn;
}

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
  flow.direct = service.mode == Mode::nat ? 0 : 1;
  flow.tunnel = is_tunnel(service.mode) ? 1 : 0;
  flow.expires = now + service.lifetimes[static_cast<unsigned>(flow.state)];
  flow.backend_id = backend.id() & 0x3fffffffU;
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

  /// Towards the backend; `direct` by the flow where there is one, whatever the service says now.
  [[gnu::always_inline]] void deliver(Packet& p, const Backend& backend, bool direct) {
    p.service = backend.service + 1;
    p.backend = services.index_of(backend) + 1;
    p.flags |= packet_flag::kTranslated;
    const IpAddress& address = backend.addresses[family_of(p.key.destination)];
    if (direct)
      pass_on(p, backend, address);
    else
      rewrite(p, End::destination, address, backend.port);
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
  const Backend* way_of(const Flow& flow) const {
    const Backend* backend = backend_of(services, flow);
    const bool lost = flow.tunnel != 0 && backend != nullptr &&
                      services.services()[backend->service].mode == Mode::nat;
    return lost ? nullptr : backend;
  }

  void known(unsigned i, std::uint32_t index, bool shared) {
    Packet& p = burst.packets[i];
    const Flow& flow = flows.flow(index);
    const Backend* backend = way_of(flow);
    const bool udp = p.key.protocol == ip_protocol::kUdp;
    const bool begins = begins_connection(p);
    const bool dead = backend == nullptr || !backend->alive[family_of(p.key.destination)];
    if ((begins && over(flow.state)) || (dead && (begins || udp))) {
      flows.remove(index);
      return begin(i, shared);
    }
    if (backend == nullptr) {
      flows.close(index, kGoneLifetime, now);
      return burst.drop(i, DropReason::service_gone);
    }
    p.flow = index + 1;
    const Lifetimes& lifetimes = services.service_of(*backend).lifetimes;
    flows.touch(index, after_client(flow.state, p.tcp_flags, flow.direct), lifetimes, now);
    deliver(p, *backend, flow.direct);
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
    const Backend* backend = services.choose(*service, p.key);
    if (backend == nullptr) return burst.drop(i, DropReason::no_backend);
    // A reset ends what is not there: it is passed on to where the flow would be.
    if ((p.tcp_flags & tcp_flag::kRst) == 0) {
      const FlowTable::Inserted outcome = insert(p, *service, backend);
      if (outcome != FlowTable::Inserted::done && service->mode == Mode::nat)
        return burst.drop(i, outcome == FlowTable::Inserted::full ? DropReason::flow_table_full
                                                                  : DropReason::flow_collision);
    }
    deliver(p, *backend, service->mode != Mode::nat);
  }

  /// Begins a flow to `backend`, or to another where its replies would look like another flow's.
  FlowTable::Inserted insert(Packet& p, const Service& service, const Backend*& backend) {
    FlowTable::InsertResult result;
    for (unsigned attempt = 1; attempt <= kChooseAttempts; ++attempt) {
      result = flows.insert(flow_to(p, service, *backend, now), now);
      if (result.outcome != FlowTable::Inserted::collision) break;
      backend = services.choose(service, p.key, attempt);
    }
    if (result.outcome == FlowTable::Inserted::done) {
      p.flow = result.index + 1;
      context.slots->add(service.slots.flows, 0);
      context.slots->add(backend->slots.flows, 0);
    }
    return result.outcome;
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
      backend = way_of(flows.flow(hit.index));
      direct = flows.flow(hit.index).direct;
    } else if (const Service* service =
                   services.find(key.destination, key.destination_port, key.protocol)) {
      backend = services.choose(*service, key);
      direct = service->mode != Mode::nat;
    }
    if (backend == nullptr) return;  // left to the route: it is about nothing of ours
    const IpAddress& address = backend->addresses[family_of(key.destination)];
    if (direct)
      pass_on(p, *backend, address);
    else
      translate_error(p, *quote, address, backend->port);
    p.flags |= packet_flag::kTranslated;
    p.service = backend->service + 1;
    p.backend = services.index_of(*backend) + 1;
    count(p, *backend);
  }

  void packet(unsigned i, bool shared) {
    Packet& p = burst.packets[i];
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

void translate(Context& context, const ServiceTable& services, FlowTable& flows, Burst& burst,
               std::uint64_t mask, std::uint64_t shared) {
  Translator translator{context, services, flows, burst, ticks_of(context.now)};
  for_each_bit(burst.alive & mask,
               [&](unsigned i) { translator.packet(i, ((shared >> i) & 1U) != 0); });
}

}  // namespace sluice::balancer
