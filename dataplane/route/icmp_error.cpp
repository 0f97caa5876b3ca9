#include "dataplane/route/icmp_error.hpp"

#include <algorithm>

#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/frame.hpp"

namespace sluice::route {
namespace {

using namespace packet_flag;

IcmpTypeAndCode icmp4(IcmpError error) {
  switch (error) {
    case IcmpError::net_unreachable:
      return {3, 0};
    case IcmpError::host_unreachable:
      return {3, 1};
    case IcmpError::port_unreachable:
      return {3, 3};
    case IcmpError::too_big:
      return {3, 4};
    case IcmpError::ttl_exceeded:
      break;
  }
  return {11, 0};
}

IcmpTypeAndCode icmp6(IcmpError error) {
  switch (error) {
    case IcmpError::net_unreachable:
      return {1, 0};
    case IcmpError::host_unreachable:
      return {1, 3};
    case IcmpError::port_unreachable:
      return {1, 4};
    case IcmpError::too_big:
      return {2, 0};
    case IcmpError::ttl_exceeded:
      break;
  }
  return {3, 0};
}

/// Errors and redirects; also an ICMP packet whose type is not visible.
bool is_icmp_error(const Packet& p) {
  if (p.ip_version == 4) {
    if (p.key.protocol != ip_protocol::kIcmp) return false;
    return !p.has(kL4) || (p.icmp_type >= 3 && p.icmp_type <= 5) || p.icmp_type == 11 ||
           p.icmp_type == 12;
  }
  if (p.key.protocol != ip_protocol::kIcmp6) return false;
  return !p.has(kL4) || p.icmp_type < 128 || p.icmp_type == nd::kRedirect;
}

bool single_host(const Table& table, const Packet& p) {
  const IpAddress& source = p.key.source;
  if (source.is_unspecified()) return false;
  if (p.has(kFromHost)) return true;
  if (table.is_ours(source)) return false;
  if (!source.is_v4() && source.is_link_local()) return true;
  return table.next_hop(table.find(source, p.in_port)).kind != RouteKind::not_routable;
}

bool may_tell(const Table& table, const Packet& p) {
  if (!p.has(kIp) || p.has(kGroupMac) || p.has(kLaterFragment)) return false;
  // With another next hop alone (Packet::via) the packet is the one that its sender knows.
  if ((p.has(kTranslated) && p.via == nullptr) || p.has(kRestored) || is_icmp_error(p))
    return false;
  const auto& hop = table.next_hop(table.find(p.key.destination, p.in_port));
  return hop.kind != RouteKind::not_routable && single_host(table, p);
}

/// The address the packet was sent to if it is ours, else one of the port it came in by: RFC 1812
/// section 4.3.2.4, RFC 4443 section 2.2.
IpAddress source_of_error(const Table& table, const Packet& p) {
  const bool v4 = p.ip_version == 4;
  if (!v4 && p.key.source.is_link_local()) return table.port(p.in_port).link_local;
  if (table.is_local(table.find(p.key.destination, p.in_port))) return p.key.destination;
  return table.source_address(p.in_port, v4);
}

/// Makes room for `added` bytes before the IP header and cuts the quote to `most` bytes. False: the
/// buffer is too small to quote the IP header and eight bytes.
bool shift_quote(Packet& p, unsigned added, unsigned most) {
  const unsigned original = static_cast<unsigned>(p.end) - p.l3;
  unsigned quote = std::min(original, most);
  if (p.headroom >= added) {
    p.data -= added;
    p.headroom = static_cast<std::uint16_t>(p.headroom - added);
    p.room = static_cast<std::uint16_t>(p.room + added);
    std::memmove(p.data, p.data + added, p.l3);
  } else {
    if (p.room < p.l3 + added) return false;
    quote = std::min(quote, p.room - p.l3 - added);
    std::memmove(p.l3_bytes() + added, p.l3_bytes(), quote);
  }
  p.end = p.length = static_cast<std::uint16_t>(p.l3 + added + quote);
  return quote >= std::min(original, static_cast<unsigned>(p.l4) - p.l3 + 8U);
}

/// The parameter is the MTU in the low half for IPv4 (RFC 1191) and whole for IPv6.
void write_error4(Packet& p, const IpAddress& source, IcmpTypeAndCode error, std::uint16_t mtu) {
  const IpAddress destination = p.key.source;
  p.key = FlowKey{.source = source, .destination = destination};
  p.key.protocol = ip_protocol::kIcmp;
  p.l4 = static_cast<std::uint16_t>(p.l3 + kIpv4Size);
  std::uint8_t* ip = p.l3_bytes();
  std::memset(ip, 0, kIpv4Size + kIcmpSize);
  ip[0] = 0x45;
  ip[1] = 0xc0;  // internetwork control: RFC 1812 section 4.3.2.5
  store_be16(ip + 2, static_cast<std::uint16_t>(p.end - p.l3));
  store_be16(ip + 6, 0x4000);  // don't fragment
  ip[8] = kTtl;
  ip[9] = ip_protocol::kIcmp;
  std::memcpy(ip + 12, source.network(), 4);
  std::memcpy(ip + 16, destination.network(), 4);
  std::uint8_t* icmp = p.l4_bytes();
  icmp[0] = error.type;
  icmp[1] = error.code;
  store_be16(icmp + 6, mtu);
}

void write_error6(Packet& p, const IpAddress& source, IcmpTypeAndCode error, std::uint16_t mtu) {
  const IpAddress destination = p.key.source;
  p.key = FlowKey{.source = source, .destination = destination};
  p.key.protocol = ip_protocol::kIcmp6;
  p.l4 = static_cast<std::uint16_t>(p.l3 + kIpv6Size);
  std::uint8_t* ip = p.l3_bytes();
  std::memset(ip, 0, kIpv6Size + kIcmpSize);
  ip[0] = 0x60;
  store_be16(ip + 4, static_cast<std::uint16_t>(p.end - p.l4));
  ip[6] = ip_protocol::kIcmp6;
  ip[7] = kTtl;
  std::memcpy(ip + 8, source.network(), 16);
  std::memcpy(ip + 24, destination.network(), 16);
  std::uint8_t* icmp = p.l4_bytes();
  icmp[0] = error.type;
  icmp[1] = error.code;
  store_be32(icmp + 4, mtu);
}

}  // namespace

IcmpTypeAndCode type_and_code(IcmpError error, std::uint8_t ip_version) {
  return ip_version == 4 ? icmp4(error) : icmp6(error);
}

DropReason make_icmp_error(Context& context, const Table& table, Packet& p, IcmpTypeAndCode error,
                           DropReason otherwise, std::uint16_t mtu) {
  if (!may_tell(table, p)) return otherwise;
  const IpAddress source = source_of_error(table, p);
  if (source.is_unspecified()) return otherwise;
  if (!context.icmp_errors.take(context.now)) return DropReason::icmp_rate;
  const bool v4 = p.ip_version == 4;
  const unsigned added = (v4 ? kIpv4Size : kIpv6Size) + kIcmpSize;
  if (!shift_quote(p, added, (v4 ? kErrorMost4 : kErrorMost6) - added))
    return DropReason::no_buffer;
  if (v4) {
    write_error4(p, source, error, mtu);
  } else {
    write_error6(p, source, error, mtu);
  }
  p.payload = static_cast<std::uint16_t>(p.l4 + kIcmpSize);
  p.ttl = kTtl;
  p.icmp_type = p.l4_bytes()[0];
  p.icmp_code = p.l4_bytes()[1];
  p.tcp_flags = 0;
  p.flags = static_cast<std::uint16_t>((p.flags & (kTraced | kFromHost)) | kIp | kL4 | kIcmpError);
  fill_checksums(p);
  turn_around(table, p);
  return DropReason::none;
}

void answer_with_error(Context& context, const Table& table, Burst& burst, unsigned i,
                       IcmpError error, DropReason otherwise, std::uint16_t mtu) {
  Packet& p = burst.packets[i];
  const DropReason reason =
      make_icmp_error(context, table, p, type_and_code(error, p.ip_version), otherwise, mtu);
  if (reason != DropReason::none) return burst.drop(i, reason);
  burst.decide(i, Verdict::answered);
}

void finish_unresolved(Context& context, const Table& table, Packet& packet) {
  const DropReason reason = make_icmp_error(
      context, table, packet, type_and_code(IcmpError::host_unreachable, packet.ip_version),
      DropReason::neighbour_unresolved);
  if (reason != DropReason::none) {
    count_drop(context, reason);
    return context.pool->release(packet);
  }
  packet.verdict = Verdict::answered;
  context.emitter->emit(packet);
}

}  // namespace sluice::route
