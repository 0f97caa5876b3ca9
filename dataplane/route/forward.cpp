#include <array>

#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/icmp_error.hpp"
#include "dataplane/route/neighbours.hpp"
#include "dataplane/route/stages.hpp"

namespace sluice::route {
namespace {

/// Where a packet is to go, and how its Ethernet address is found.
struct Target {
  const NextHop* hop;
  Neighbours::Probe probe;  ///< unless the neighbour is static
};

const IpAddress& neighbour_address(const NextHop& hop, const Packet& p) {
  if (hop.kind == RouteKind::gateway) return hop.gateway;
  return p.via != nullptr ? *p.via : p.key.destination;
}

/// Nothing but the last rewrite is to be done: untagged IPv4 from a wire that may go on and fits.
bool is_plain(const Packet& p, const NextHop& hop) {
  return p.ip_version == 4 && p.l3 == kEthernetSize && p.ttl > 1 &&
         (p.flags & (packet_flag::kFromHost | packet_flag::kTunnel)) == 0 &&
         p.end - kEthernetSize <= hop.mtu;
}

bool leads_out(const NextHop& hop) {
  return hop.kind == RouteKind::gateway || hop.kind == RouteKind::connected;
}

class Forwarder {
 public:
  Forwarder(Context& context, const Table& table, Neighbours& neighbours, Burst& burst)
      : context_(context), table_(table), neighbours_(neighbours), burst_(burst) {}

  void run() {
    std::uint64_t others = 0;
    std::uint64_t sent = 0;
    burst_.for_each_alive([&](unsigned i, Packet& p) {
      const NextHop& hop = table_.next_hop(p.next_hop);
      if (hop.has_mac && is_plain(p, hop)) [[likely]] {
        leave_plain(hop, p);
        p.verdict = Verdict::sent;
        p.stage = burst_.stage;
        sent |= std::uint64_t{1} << i;
        return;
      }
      others |= std::uint64_t{1} << i;
      aim(targets_[i], hop, p);
    });
    burst_.alive &= ~sent;
    burst_.for_each_alive(others, [&](unsigned i, Packet& p) {
      if (leads_out(*targets_[i].hop)) {
        send(i, p, targets_[i]);
      } else {
        refuse(i, p, *targets_[i].hop);
      }
    });
  }

 private:
  void aim(Target& target, const NextHop& hop, const Packet& p) const {
    target.hop = &hop;
    if (!leads_out(hop) || hop.has_mac) return;
    target.probe = neighbours_.probe(hop.port, neighbour_address(hop, p));
    neighbours_.prefetch(target.probe);
  }

  void send(unsigned i, Packet& p, const Target& target) {
    const NextHop& hop = *target.hop;
    if (p.ttl <= 1 && !p.has(packet_flag::kFromHost))
      return answer_with_error(context_, table_, burst_, i, IcmpError::ttl_exceeded,
                               DropReason::ttl_exceeded);
    if (p.end - p.l3 > hop.mtu)
      return answer_with_error(context_, table_, burst_, i, IcmpError::too_big, DropReason::too_big,
                               hop.mtu);
    if (p.ip_version == 6 && p.key.source.is_link_local())
      return burst_.drop(i, DropReason::not_routable);  // RFC 4291 section 2.5.6
    const MacAddress* mac = hop.has_mac ? &hop.link.to : mac_of(target, p);
    if (mac == nullptr) return hold(i, p, hop.port, neighbour_address(hop, p));
    leave({*mac, hop.link.from}, hop.port, p);
    burst_.decide(i, Verdict::sent);
  }

  const MacAddress* mac_of(const Target& target, const Packet& p) {
    const MacAddress* const assumed = table_.assumed_neighbour();
    if (assumed != nullptr) return assumed;
    const NextHop& hop = *target.hop;
    return neighbours_.use(context_.now, target.probe, hop.port, neighbour_address(hop, p));
  }

  void hold(unsigned i, const Packet& p, PortId port, const IpAddress& neighbour) {
    const DropReason reason = neighbours_.hold(context_, table_, port, neighbour, p);
    if (reason != DropReason::none) return burst_.drop(i, reason);
    burst_.decide(i, Verdict::held);
  }

  /// No route in the table: IPv6 may have a router that advertised itself.
  void refuse(unsigned i, Packet& p, const NextHop& hop) {
    if (!p.has(packet_flag::kIp) || hop.kind == RouteKind::not_routable ||
        hop.kind == RouteKind::local)
      return burst_.drop(i, DropReason::not_routable);
    if (hop.kind == RouteKind::blackhole) return burst_.drop(i, DropReason::route_blackhole);
    const Neighbours::Router* router =
        p.ip_version == 6 ? neighbours_.default_router(context_.now, table_) : nullptr;
    if (router == nullptr)
      return answer_with_error(context_, table_, burst_, i, IcmpError::net_unreachable,
                               DropReason::no_route);
    NextHop learned;
    learned.kind = RouteKind::gateway;
    learned.gateway = router->address;
    learned.port = router->port;
    learned.link.from = table_.port(router->port).mac;
    learned.mtu = table_.port(router->port).mtu;
    send(i, p, {&learned, neighbours_.probe(router->port, router->address)});
  }

  Context& context_;
  const Table& table_;
  Neighbours& neighbours_;
  Burst& burst_;
  std::array<Target, kBurstMax> targets_;  ///< written before it is read, by those that need it
};

}  // namespace

void forward(Context& context, const Table& table, Neighbours& neighbours, Burst& burst) {
  Forwarder(context, table, neighbours, burst).run();
}

}  // namespace sluice::route
