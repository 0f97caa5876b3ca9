#include "dataplane/balancer/inspect.hpp"

#include "dataplane/balancer/packets.hpp"

namespace sluice::balancer {
namespace {

/// Flows that could be in the way of a new one: those whose replies would look like its own, at
/// each backend that may be tried.
void borrow_rivals(const ServiceTable& services, const FlowTable& live, FlowTable& flows,
                   const FlowKey& key, Ticks now) {
  const Service* service = services.find(key.destination, key.destination_port, key.protocol);
  if (service == nullptr || !replies_pass(service->mode)) return;
  for (unsigned attempt = 0; attempt <= kChooseAttempts; ++attempt) {
    const Backend* backend = services.choose(*service, key, attempt);
    if (backend == nullptr) return;
    if (service->mode == Mode::full_nat) {
      flows.follow_ports(live, backend->id());
      continue;
    }
    const FlowKey reply{backend->addresses[family_of(key.destination)], key.source, backend->port,
                        key.source_port, key.protocol};
    flows.borrow(live, reply, now);
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

const Flow* borrow(const ServiceTable& services, const FlowTable& live, FlowTable& flows,
                   const Packet& packet, Ticks now) {
  if (!has_ports(packet)) return nullptr;
  const Flow* known = flows.borrow(live, packet.key, now);
  borrow_rivals(services, live, flows, packet.key, now);
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
