#include "dataplane/balancer/drain.hpp"

#include "dataplane/balancer/packets.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/tcp_reset.hpp"

namespace sluice::balancer {

void count_end(Context& context, const Service& service, const Flow& flow) {
  if (flow.state != FlowState::closed) context.slots->add(service.ended, 0);
}

bool end_flow(Context& context, const Service& service, FlowTable& flows, Burst& burst, unsigned i,
              std::uint32_t flow_index) {
  Packet& p = burst.packets[i];
  const Flow& flow = flows.flow(flow_index);
  const bool told = flow.direct == 0 && p.key.protocol == ip_protocol::kTcp;
  const bool is_reset = (p.tcp_flags & tcp_flag::kRst) != 0;
  const bool usable = told && !p.has(packet_flag::kFragment | packet_flag::kGroupMac);
  if (usable && !l4_checksum_right(p)) {
    burst.drop(i, DropReason::l4_checksum);
    return false;
  }
  // Not removed at once: what is still under way, from either end, is answered likewise.
  count_end(context, service, flow);
  flows.close(flow_index, kGoneLifetime, ticks_of(context.now));
  if (usable && is_reset) return true;
  if (!usable) {
    burst.drop(i, DropReason::drain_over);
    return false;
  }
  static_cast<void>(reset_sender(context, p));  // without a buffer: at its next packet
  become_reset(p);
  return true;
}

}  // namespace sluice::balancer
