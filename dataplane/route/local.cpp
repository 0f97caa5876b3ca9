#include "dataplane/packet/swap.hpp"
#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/icmp_error.hpp"
#include "dataplane/route/stages.hpp"
#include "dataplane/route/tcp_reset.hpp"

namespace sluice::route {
namespace {

using namespace packet_flag;

constexpr std::uint8_t kEchoRequest4 = 8, kEchoReply4 = 0;
constexpr std::uint8_t kEchoRequest6 = 128, kEchoReply6 = 129;
constexpr std::uint16_t kDnsPort = 53;

bool is_icmp(const Packet& p) {
  return p.key.protocol == (p.ip_version == 4 ? ip_protocol::kIcmp : ip_protocol::kIcmp6);
}

bool is_echo_request(const Packet& p) {
  return is_icmp(p) && p.has(kL4) && !p.has(kFragment) && !p.has(kGroupMac) &&
         p.icmp_type == (p.ip_version == 4 ? kEchoRequest4 : kEchoRequest6);
}

/// What the host's stack may have asked for: echo replies, and errors about what it sent.
bool host_wants_icmp(const Packet& p) {
  if (p.has(kFragment)) return true;  // its stack reassembles and answers
  if (!p.has(kL4)) return false;
  if (p.has(kIcmpError)) return true;
  return p.icmp_type == (p.ip_version == 4 ? kEchoReply4 : kEchoReply6);
}

void echo(const Table& table, Burst& burst, unsigned i) {
  Packet& p = burst.packets[i];
  p.icmp_type = p.ip_version == 4 ? kEchoReply4 : kEchoReply6;
  p.l4_bytes()[0] = p.icmp_type;
  swap_ends(p, p.end);
  turn_around(table, p);
  burst.decide(i, Verdict::answered);
}

void punt(Context& context, const Table& table, Burst& burst, unsigned i) {
  Packet& p = burst.packets[i];
  // What the host sends to an address of its own never comes here, unless its routes say so.
  if (p.has(kFromHost)) return burst.drop(i, DropReason::not_routable);
  if (table.host_port() == kNoPort) return burst.drop(i, DropReason::punt_unavailable);
  if (!context.punts.take(context.now)) return burst.drop(i, DropReason::punt_rate);
  if (p.l3 != kEthernetSize) strip_tags(p);
  set_ether(p.data, table.host_mac(), kGatewayMac);
  p.out_port = table.host_port();
  burst.decide(i, Verdict::punted);
}

/// Nobody listens at this port of a service or name server address.
void refuse(Context& context, const Table& table, Burst& burst, unsigned i) {
  Packet& p = burst.packets[i];
  if (p.key.protocol == ip_protocol::kTcp) {
    if (make_tcp_reset(table, p)) return burst.decide(i, Verdict::answered);
    return burst.drop(i, DropReason::service_port_closed);
  }
  answer_with_error(context, table, burst, i, IcmpError::port_unreachable,
                    DropReason::service_port_closed);
}

void deliver(Context& context, const Table& table, Burst& burst, unsigned i) {
  Packet& p = burst.packets[i];
  if (!l4_checksum_right(p)) return burst.drop(i, DropReason::l4_checksum);
  if (is_echo_request(p)) return echo(table, burst, i);
  const std::uint8_t kinds = table.kinds(p.next_hop);
  const bool host = (kinds & local_kind::kHost) != 0;
  if (is_icmp(p)) {
    if (host && host_wants_icmp(p)) return punt(context, table, burst, i);
    return burst.drop(i, DropReason::icmp_unhandled);
  }
  const bool dns_stream = (kinds & local_kind::kNameServer) != 0 &&
                          p.key.protocol == ip_protocol::kTcp && p.key.destination_port == kDnsPort;
  if (host || dns_stream) return punt(context, table, burst, i);
  refuse(context, table, burst, i);
}

}  // namespace

void local(Context& context, const Table& table, Burst& burst, std::uint64_t mask) {
  burst.for_each_alive([&](unsigned i, const Packet&) {
    if ((mask >> i & 1U) != 0) deliver(context, table, burst, i);
  });
}

}  // namespace sluice::route
