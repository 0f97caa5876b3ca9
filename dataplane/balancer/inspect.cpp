#include "dataplane/balancer/inspect.hpp"

#include "dataplane/balancer/packets.hpp"

namespace sluice::balancer {
namespace {

/// How many flows the worker has at each backend, and what else its schedulers look at.
void borrow_schedule(const FlowTable& live, FlowTable& flows, const Beginning& flow) {
  if (flow.service.plain()) return;
  const auto backends = flow.services.backends();
  for (const Backend& backend : backends.subspan(flow.service.first_backend, flow.service.backends))
    flows.counts()->add(backend.id(), 0, flows_at(flow.counts, backend));
  flows.scheduling().borrow(live.scheduling(), flow);
}

/// Flows that could be in the way of a new one: those whose replies would look like its own, at
/// each backend that may be tried.
void borrow_rivals(const FlowTable& live, FlowTable& flows, const Beginning& flow,
                   const Packet& packet) {
  const Mode mode = flow.service.mode;
  if (!replies_pass(mode)) return;
  const FlowKey& key = flow.key;
  for (unsigned attempt = 0; attempt <= kChooseAttempts; ++attempt) {
    const Backend* backend = choose(packet, live, flow, attempt);
    if (backend == nullptr) return;
    if (mode == Mode::full_nat) {
      flows.follow_ports(live, backend->id());
      continue;
    }
    const FlowKey reply{backend->addresses[family_of(key.destination)], key.source, backend->port,
                        key.source_port, key.protocol};
    flows.borrow(live, reply, flow.now);
  }
}

}  // namespace

const char* name_of(FlowState state) {
  switch (state) {
    case FlowState::opening:
      return "opening";
    case FlowState::answered:
      return "answered";
    case FlowState::picked_up:
      return "picked_up";
    case FlowState::established:
      return "established";
    case FlowState::half_closed_by_client:
      return "half_closed_by_client";
    case FlowState::half_closed_by_backend:
      return "half_closed_by_backend";
    case FlowState::reset_by_client:
      return "reset_by_client";
    case FlowState::closed:
      return "closed";
    case FlowState::fresh:
      return "fresh";
    case FlowState::assured:
      return "assured";
    case FlowState::unused:
    case FlowState::count:
      break;
  }
  return "unused";
}

const char* name_of(Scheduler scheduler) {
  switch (scheduler) {
    case Scheduler::maglev:
      break;
    case Scheduler::weighted_round_robin:
      return "weighted round robin";
    case Scheduler::least_connections:
      return "least connections";
    case Scheduler::source_hash:
      return "the client's address";
    case Scheduler::random_of_two:
      return "random of two";
  }
  return "Maglev";
}

Scheduler scheduler_for(const Service& service, const Packet& packet) {
  const bool by_table =
      service.scheduler == Scheduler::maglev || service.scheduler == Scheduler::source_hash;
  const bool middle = packet.key.protocol == ip_protocol::kTcp && !begins_connection(packet);
  return !by_table && middle ? Scheduler::maglev : service.scheduler;
}

const Flow* borrow(const ServiceTable& services, const FlowTable& live, FlowTable& flows,
                   const Packet& packet, Ticks now) {
  if (!has_ports(packet)) return nullptr;
  const Flow* known = flows.borrow(live, packet.key, now);
  const Service* service =
      services.find(packet.key.destination, packet.key.destination_port, packet.key.protocol);
  if (service != nullptr && live.counts() != nullptr) {
    const Beginning flow{services, *service, packet.key, *live.counts(), live.hash(packet.key),
                         now};
    borrow_schedule(live, flows, flow);
    borrow_rivals(live, flows, flow, packet);
  }
  if (!live.has_room(now)) flows.refuse_new();
  return known;
}

const Flow* FlowTable::borrow(const FlowTable& live, const FlowKey& key, Ticks now) {
  const Hit hit = live.find(key, now);
  if (hit.side == Side::none) return nullptr;
  if (hit.side == Side::redirect) {
    add_redirect({key, hit.worker, live.redirects_[hit.index].expires - now}, now);
    return nullptr;
  }
  const Flow& flow = live.flow(hit.index);
  const FlowKey forward = flow.forward_key();
  Hit mine = find(forward, now);
  if (mine.side == Side::none) mine.index = insert(flow, now, live.local(hit.index)).index;
  return &flows_[mine.index];
}

/// As take_record() would find it.
bool FlowTable::has_room(Ticks now) const {
  if (!free_flows_.empty() || oldest_ != kNobody) return true;
  std::uint32_t index = age_hand_;
  for (unsigned n = std::min(kReclaimScan, capacity()); n != 0; --n) {
    if (reached(now, flows_[index].expires)) return true;
    index = index + 1 == capacity() ? 0 : index + 1;
  }
  return false;
}

}  // namespace sluice::balancer
