#include "dataplane/balancer/full_nat.hpp"

#include "dataplane/balancer/proxy_stream.hpp"
#include "dataplane/balancer/rewrite.hpp"
#include "dataplane/balancer/tcp_options.hpp"

namespace sluice::balancer {
namespace {

/// Timestamps of many clients behind one address look to a backend like a clock that jumps: it
/// would drop segments as old (RFC 7323 section 5, PAWS), or refuse a port in TIME_WAIT. What the
/// client does not offer, neither side uses.
void leave_out_timestamps(Packet& p) {
  TcpEdit edit(p);
  edit.blank({tcp_option::kTimestamps});
}

}  // namespace

LocalEnd local_end_of(const Service& service, const Flow& flow, const Packet& first) {
  LocalEnd end;
  end.rest = service.local_port_rest;
  end.in_use = service.local_slots.in_use;
  if (service.proxy != 0) begin_proxy(first, flow, service.proxy, end);
  return end;
}

DropReason to_backend(Packet& p, const Flow& flow, LocalEnd& end) {
  if (end.proxy != 0 && !proxy_to_backend(p, flow, end)) return DropReason::tunnel_room;
  if (end.port != 0) {
    if ((p.tcp_flags & tcp_flag::kSyn) != 0 && p.key.protocol == ip_protocol::kTcp)
      leave_out_timestamps(p);
    rewrite(p, End::source, end.address, end.port);
  }
  rewrite(p, End::destination, flow.backend, flow.backend_port);
  return DropReason::none;
}

void to_client(Packet& p, const Flow& flow, LocalEnd& end) {
  if (end.proxy != 0) proxy_to_client(p, end);
  if (end.port != 0) rewrite(p, End::destination, flow.client, flow.client_port);
  rewrite(p, End::source, flow.service, flow.service_port);
}

}  // namespace sluice::balancer
