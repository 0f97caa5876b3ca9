#include "dataplane/balancer/tunnel_error.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "dataplane/balancer/icmp_error.hpp"
#include "dataplane/balancer/packets.hpp"
#include "dataplane/balancer/segment_size.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::balancer {
namespace {

using namespace packet_flag;

constexpr unsigned kEthernetSize = 14, kIpv4Size = 20, kIpv6Size = 40, kIcmpSize = 8, kUdpSize = 8;
constexpr std::uint8_t kTtl = 64;

/// An outer header that an error quotes, and what is left of the packet in it.
struct OuterQuote {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  std::uint8_t* inner = nullptr;  ///< where the inner packet would begin
  unsigned left = 0;              ///< bytes of it
  unsigned overhead = 0;          ///< bytes of outer headers, which have no options
};

/// Nothing: too short for the addresses, or no header that we write.
std::optional<OuterQuote> outer_quote(Packet& error) {
  if (!error.has(kL4) || error.has(kFragment)) return std::nullopt;
  std::uint8_t* ip = error.data + error.l4 + kIcmpSize;
  const unsigned start = error.l4 + kIcmpSize;
  const bool v4 = error.ip_version == 4;
  const unsigned size = v4 ? kIpv4Size : kIpv6Size;
  const unsigned available = error.end - std::min<unsigned>(start, error.end);
  if (available < size || ip[0] >> 4U != error.ip_version) return std::nullopt;
  if (v4 && ((ip[0] & 0xfU) != 5 || (load_be16(ip + 6) & 0x1fffU) != 0)) return std::nullopt;
  OuterQuote quote;
  const std::size_t address = v4 ? 4 : 16;
  quote.source = IpAddress::from(ip + (v4 ? 12 : 8), address);
  quote.destination = IpAddress::from(ip + (v4 ? 16 : 24), address);
  quote.protocol = ip[v4 ? 9 : 6];
  quote.overhead = size + (quote.protocol == ip_protocol::kUdp ? kUdpSize : 0U);
  quote.inner = ip + quote.overhead;
  quote.left = available - std::min(quote.overhead, available);
  return quote;
}

/// What the client is told.
struct Told {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t mtu = 0;
};

/// Type and code by the family of the client's packet; nothing where it means nothing for it: a
/// problem with the header that we wrote, or an MTU that no link has.
std::optional<Told> told(const Packet& error, const OuterQuote& outer, bool inner_v4) {
  constexpr std::uint16_t kIpv6Least = 1280, kIpv4Least = 68;
  const bool v4 = error.ip_version == 4;
  const bool too_big = v4 ? error.icmp_type == 3 && error.icmp_code == 4 : error.icmp_type == 2;
  const bool unreachable = v4 ? error.icmp_type == 3 || error.icmp_type == 11
                              : error.icmp_type == 1 || error.icmp_type == 3;
  if (too_big) {
    const std::uint8_t* parameter = error.l4_bytes() + 4;
    const std::uint32_t most = v4 ? load_be16(parameter + 2) : load_be32(parameter);
    if (most < outer.overhead + kIpv4Least || most > 0xffff) return std::nullopt;
    const auto mtu = static_cast<std::uint16_t>(most - outer.overhead);
    if (inner_v4) return Told{3, 4, mtu};
    return Told{2, 0, std::max(mtu, kIpv6Least)};
  }
  if (!unreachable) return std::nullopt;
  return inner_v4 ? Told{3, 1, 0} : Told{1, 3, 0};
}

void write_ip4(std::uint8_t* ip, const FlowKey& key, unsigned total) {
  ip[0] = 0x45;
  ip[1] = 0xc0;  // internetwork control: RFC 1812 section 4.3.2.5
  store_be16(ip + 2, static_cast<std::uint16_t>(total));
  store_be16(ip + 6, 0x4000);  // don't fragment
  ip[8] = kTtl;
  ip[9] = ip_protocol::kIcmp;
  std::memcpy(ip + 12, key.source.network(), 4);
  std::memcpy(ip + 16, key.destination.network(), 4);
}

void write_ip6(std::uint8_t* ip, const FlowKey& key, unsigned total) {
  ip[0] = 0x60;
  store_be16(ip + 4, static_cast<std::uint16_t>(total - kIpv6Size));
  ip[6] = ip_protocol::kIcmp6;
  ip[7] = kTtl;
  std::memcpy(ip + 8, key.source.network(), 16);
  std::memcpy(ip + 24, key.destination.network(), 16);
}

/// Writes the new error right before the quote of the client's packet. There is room for it: at
/// least as much as the error that came and the outer header that it quotes.
void become_error(Packet& p, const OuterQuote& outer, const Quote& inner, const Told& what) {
  const bool v4 = inner.headers.ip_version == 4;
  const unsigned ip_size = v4 ? kIpv4Size : kIpv6Size;
  constexpr unsigned kMost4 = 576, kMost6 = 1280;  // RFC 1812 section 4.3.2.3, RFC 4443 section 2.4
  const unsigned quoted = std::min(outer.left, (v4 ? kMost4 : kMost6) - ip_size - kIcmpSize);
  std::uint8_t* const ip = outer.inner - kIcmpSize - ip_size;
  const auto moved = static_cast<std::uint16_t>(ip - kEthernetSize - p.data);
  p.data += moved;
  p.headroom = static_cast<std::uint16_t>(p.headroom + moved);
  p.room = static_cast<std::uint16_t>(p.room - moved);
  p.l3 = kEthernetSize;
  p.l4 = static_cast<std::uint16_t>(kEthernetSize + ip_size);
  p.payload = static_cast<std::uint16_t>(p.l4 + kIcmpSize);
  p.end = p.length = static_cast<std::uint16_t>(p.payload + quoted);
  p.ether_type = v4 ? 0x0800 : 0x86dd;
  p.vlan = 0;
  p.ip_version = inner.headers.ip_version;
  p.ttl = kTtl;
  p.icmp_type = what.type;
  p.icmp_code = what.code;
  p.key = FlowKey{.source = inner.key.destination, .destination = inner.key.source};
  p.key.set_transport(v4 ? ip_protocol::kIcmp : ip_protocol::kIcmp6, 0, 0);
  p.flags = static_cast<std::uint16_t>((p.flags & kTraced) | kIp | kL4 | kIcmpError | kRestored);
  std::memset(ip - 2, 0, 2 + ip_size + kIcmpSize);
  store_be16(ip - 2, p.ether_type);
  const unsigned total = ip_size + kIcmpSize + quoted;
  v4 ? write_ip4(ip, p.key, total) : write_ip6(ip, p.key, total);
  std::uint8_t* icmp = p.l4_bytes();
  icmp[0] = what.type;
  icmp[1] = what.code;
  // RFC 1191 section 4; RFC 4443 section 3.2, whose field is of four bytes.
  store_be16(icmp + 6, what.mtu);
  fill_checksums(p);
}

/// The client's packet in the quote, if it is one to a service whose mode is a tunnel's.
std::optional<Quote> inner_quote(const ServiceTable& services, const OuterQuote& outer, Packet& p) {
  if (outer.left == 0) return std::nullopt;
  const auto version = static_cast<std::uint8_t>(*outer.inner >> 4U);
  if (version != 4 && version != 6) return std::nullopt;
  std::optional<Quote> inner = quote_at(outer.inner, outer.left, version);
  if (!inner) return std::nullopt;
  const FlowKey& key = inner->key;
  const Service* service = services.find(key.destination, key.destination_port, key.protocol);
  if (service == nullptr || !is_tunnel(service->mode)) return std::nullopt;
  p.service = services.index_of(*service) + 1;
  return inner;
}

/// Whether the header is one of ours: it was sent where the error came to, into a tunnel.
bool is_ours(const ServiceTable& services, const Packet& error, const OuterQuote& outer) {
  const bool tunnel = outer.protocol == ip_protocol::kIpv4 ||
                      outer.protocol == ip_protocol::kIpv6 || outer.protocol == ip_protocol::kUdp;
  return tunnel && outer.source == error.key.destination &&
         services.is_tunnel(outer.source, outer.destination);
}

void error(Context& context, const ServiceTable& services, Burst& burst, unsigned i) {
  Packet& p = burst.packets[i];
  const std::optional<OuterQuote> outer = outer_quote(p);
  if (!outer || !is_ours(services, p, *outer)) return;
  const std::optional<Quote> inner = inner_quote(services, *outer, p);
  // Over UDP it may be the host's own traffic: only what carries a packet to a service is ours.
  if (!inner && outer->protocol == ip_protocol::kUdp) return;
  if (!inner) return burst.drop(i, DropReason::tunnel_error);
  const std::optional<Told> what = told(p, *outer, inner->headers.ip_version == 4);
  if (!what) return burst.drop(i, DropReason::tunnel_error);
  if (!context.icmp_errors.take(context.now)) return burst.drop(i, DropReason::icmp_rate);
  become_error(p, *outer, *inner, *what);
}

/// Of the services' SYN-ACKs.
void clamp(const ServiceTable& services, Packet& p) {
  const Service* service = services.find(p.key.source, p.key.source_port, p.key.protocol);
  if (service == nullptr) return;
  const std::uint16_t most = service->segment_most[family_of(p.key.source)];
  if (most != 0) clamp_segment_size(p, most);
}

}  // namespace

void restore_tunnels(Context& context, const ServiceTable& services, Burst& burst) {
  constexpr std::uint8_t kAnswer = tcp_flag::kSyn | tcp_flag::kAck;
  burst.for_each_alive([&](unsigned i, Packet& p) {
    if (p.has(kIcmpError))
      error(context, services, burst, i);
    else if ((p.tcp_flags & kAnswer) == kAnswer)
      clamp(services, p);
  });
}

}  // namespace sluice::balancer
