#include "dataplane/route/resolve.hpp"

#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/frame.hpp"
#include "dataplane/route/stages.hpp"

namespace sluice::route {
namespace {

bool is_discovery(const Packet& p) {
  return p.ip_version == 6 && p.key.protocol == ip_protocol::kIcmp6 && p.has(packet_flag::kL4) &&
         p.icmp_type >= nd::kRouterSolicitation && p.icmp_type <= nd::kRedirect;
}

}  // namespace

void resolve(Context& context, const Table& table, Neighbours& neighbours, Burst& burst) {
  burst.for_each_alive([&](unsigned i, Packet& p) {
    Outcome outcome;
    if (p.ether_type == kEtherArp) {
      outcome = handle_arp(context, table, neighbours, p);
    } else if (is_discovery(p)) {
      outcome = handle_discovery(context, table, neighbours, p);
    } else {
      return;
    }
    p.reason = outcome.reason;
    burst.decide(i, outcome.verdict);
  });
}

}  // namespace sluice::route
