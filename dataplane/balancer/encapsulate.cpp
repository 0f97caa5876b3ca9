// The stage after translate: packets whose backend is reached in a tunnel get the outer header.
#include <cstring>

#include "dataplane/balancer/packets.hpp"
#include "dataplane/balancer/segment_size.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/ttl.hpp"

namespace sluice::balancer {
namespace {

using namespace packet_flag;

constexpr unsigned kEthernetSize = 14;

/// What the outer header takes over from the inner one.
struct Inner {
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN (RFC 6040 section 4.1, normal mode)
  bool whole = true;               ///< must not be fragmented: IPv4 with DF, IPv6
  unsigned size = 0;               ///< bytes of the IP packet
};

Inner inner_of(const Packet& p) {
  const std::uint8_t* ip = p.l3_bytes();
  if (p.ip_version == 4) return {ip[1], (ip[6] & 0x40U) != 0, ip_bytes(p)};
  return {static_cast<std::uint8_t>(load_be16(ip) >> 4U), true, ip_bytes(p)};
}

/// UDP over IPv4 may do without (RFC 768).
bool has_no_checksum(const Packet& p) {
  return p.key.protocol == ip_protocol::kUdp && load_be16(p.l4_bytes() + 6) == 0;
}

/// One's complement sum of the inner packet, in the machine's order, from its headers alone where
/// it has a transport checksum: that one makes the segment sum up to the opposite of its
/// pseudo-header (RFC 1071), and an IPv4 header sums up to nothing. One that is wrong stays wrong,
/// in the outer header too: nobody takes such a packet for a sound one.
std::uint64_t inner_sum(const Packet& p, unsigned size) {
  constexpr unsigned kPlainHeader = 40;
  const std::uint8_t* ip = p.l3_bytes();
  const bool plain = has_ports(p) && !p.has(kFragment | kIpOptions) && !has_no_checksum(p);
  if (!plain) return checksum_raw(ip, size);
  const auto segment = static_cast<std::uint16_t>(p.end - p.l4);
  const std::uint64_t pseudo = checksum_raw(p.key.source.bytes.data(), 2 * sizeof(IpAddress)) +
                               __builtin_bswap16(segment) + (std::uint64_t{p.key.protocol} << 8U);
  const std::uint64_t header = p.ip_version == 4 ? 0 : checksum_raw(ip, kPlainHeader);
  return header + static_cast<std::uint16_t>(~checksum_fold(pseudo));
}

/// Makes `size` bytes of Ethernet and outer header before the inner packet, which is moved within
/// its buffer where there is no headroom. Returns where they begin; null: the buffer is too small.
std::uint8_t* make_room(Packet& p, unsigned size, unsigned inner) {
  std::uint8_t* const from = p.l3_bytes();
  std::uint8_t* const buffer = p.data - p.headroom;
  const unsigned capacity = unsigned{p.headroom} + p.room;
  if (capacity < size + inner) return nullptr;
  std::uint8_t* start = from - size;
  if (unsigned{p.headroom} + p.l3 < size) {
    start = buffer;
    std::memmove(start + size, from, inner);
  }
  p.headroom = static_cast<std::uint16_t>(start - buffer);
  p.room = static_cast<std::uint16_t>(capacity - p.headroom);
  p.data = start;
  return start;
}

class Encapsulator {
 public:
  Encapsulator(Context& context, Burst& burst) : context_(context), burst_(burst) {}

  void packet(unsigned i, const Tunnel& tunnel) {
    Packet& p = burst_.packets[i];
    const Inner inner = inner_of(p);
    if (p.ttl <= 1 && !p.has(kFromHost)) {
      unfit_.expired |= std::uint64_t{1} << i;
      return;
    }
    if (inner.size + tunnel.size > tunnel.mtu) return refuse(i, inner, tunnel);
    if (tunnel.segment != 0 && (p.tcp_flags & tcp_flag::kSyn) != 0)
      clamp_segment_size(p, tunnel.segment);
    wrap(i, inner, tunnel);
  }

  [[nodiscard]] const Unfit& unfit() const { return unfit_; }

 private:
  /// Too large. A sender that allowed fragments is not told: it would make nothing of it.
  void refuse(unsigned i, const Inner& inner, const Tunnel& tunnel) {
    const bool v4 = burst_.packets[i].ip_version == 4;
    if (!inner.whole || inner.size <= tunnel.inner_mtu(v4))
      return burst_.drop(i, DropReason::too_big);
    unfit_.too_big |= std::uint64_t{1} << i;
  }

  void wrap(unsigned i, const Inner& inner, const Tunnel& tunnel) {
    Packet& p = burst_.packets[i];
    const unsigned before = kEthernetSize + tunnel.size;
    decrement_ttl(p);  // RFC 2003 section 3.1, RFC 2473 section 3.1: once, as it is forwarded
    const std::uint64_t hash = hash_of(p.key, context_.seed);  // of the flow within
    const bool sum_needed = tunnel.gue && tunnel.ip_version == 6;
    const std::uint64_t sum = sum_needed ? inner_sum(p, inner.size) : 0;
    std::uint8_t* frame = make_room(p, before, inner.size);
    if (frame == nullptr) return burst_.drop(i, DropReason::tunnel_room);
    std::uint8_t* ip = frame + kEthernetSize;
    store_be16(ip - 2, tunnel.ip_version == 4 ? 0x0800 : 0x86dd);
    std::memcpy(ip, tunnel.header.data(), tunnel.size);
    if (tunnel.ip_version == 4)
      finish4(ip, hash, inner, tunnel);
    else
      finish6(ip, hash, inner, tunnel);
    if (tunnel.gue) finish_udp(ip + tunnel.ip_size(), ip, hash, inner.size, sum_needed, sum);
    become_outer(p, tunnel, before + inner.size);
  }

  /// RFC 2003 section 3.1. The checksum adds what differs to the sum of the template. Unique
  /// identifiers matter only without DF (RFC 6864), but cost nothing.
  void finish4(std::uint8_t* ip, std::uint64_t hash, const Inner& inner, const Tunnel& tunnel) {
    constexpr std::uint16_t kDontFragment = 0x4000;
    const auto total = static_cast<std::uint16_t>(tunnel.size + inner.size);
    const auto fragment = static_cast<std::uint16_t>(inner.whole ? kDontFragment : 0);
    const std::uint16_t id = context_.ipv4_id++;
    ip[1] = inner.traffic_class;
    store_be16(ip + 2, total);
    store_be16(ip + 4, id);
    store_be16(ip + 6, fragment);
    const std::uint32_t varied = vary(ip + 12, hash, tunnel.spread);
    const std::uint64_t sum = std::uint64_t{__builtin_bswap16(tunnel.sum)} + inner.traffic_class +
                              total + id + fragment + varied;
    store_be16(ip + 10, checksum_finish(sum));
  }

  /// RFC 2473 section 6, with the flow label of RFC 6438.
  static void finish6(std::uint8_t* ip, std::uint64_t hash, const Inner& inner,
                      const Tunnel& tunnel) {
    constexpr std::uint64_t kFlowLabel = 0xfffff;
    store_be32(ip, 0x6000'0000U | std::uint32_t{inner.traffic_class} << 20U |
                       static_cast<std::uint32_t>((hash >> 44U) & kFlowLabel));
    store_be16(ip + 4, static_cast<std::uint16_t>(tunnel.size - Tunnel::kIpv6Size + inner.size));
    static_cast<void>(vary(ip + 20, hash, tunnel.spread));
  }

  /// Adds bits of the flow's hash to the source's last four bytes, where they are clear.
  static std::uint32_t vary(std::uint8_t* at, std::uint64_t hash, std::uint32_t spread) {
    const std::uint32_t bits = static_cast<std::uint32_t>(hash >> 8U) & spread;
    if (bits != 0) store_be32(at, load_be32(at) | bits);
    return bits;
  }

  /// A source port from the dynamic range (RFC 6335) by the flow. No checksum over IPv4, which RFC
  /// 768 allows; over IPv6 a whole one, so that nothing between needs RFC 6935.
  static void finish_udp(std::uint8_t* udp, const std::uint8_t* ip, std::uint64_t hash,
                         unsigned inner, bool sum_needed, std::uint64_t inner_sum) {
    constexpr unsigned kUdpSize = Tunnel::kUdpSize, kAddresses = 32;
    const auto size = static_cast<std::uint16_t>(kUdpSize + inner);
    store_be16(udp, static_cast<std::uint16_t>(0xc000U | ((hash >> 40U) & 0x3fffU)));
    store_be16(udp + 4, size);
    if (!sum_needed) return;
    const std::uint64_t sum = checksum_raw(ip + 8, kAddresses) + __builtin_bswap16(size) +
                              (std::uint64_t{ip_protocol::kUdp} << 8U) + checksum_raw(udp, 6) +
                              inner_sum;
    const std::uint16_t checksum = checksum_finish(sum);
    std::memcpy(udp + 6, &checksum, sizeof checksum);
    if (checksum == 0) store_be16(udp + 6, 0xffff);
  }

  /// What parse would find now.
  void become_outer(Packet& p, const Tunnel& tunnel, unsigned length) const {
    const std::uint8_t* ip = p.data + kEthernetSize;
    const bool v4 = tunnel.ip_version == 4;
    const std::size_t size = v4 ? 4 : 16;
    const std::uint8_t* addresses = ip + (v4 ? 12 : 8);
    p.length = p.end = static_cast<std::uint16_t>(length);
    p.l3 = kEthernetSize;
    p.vlan = 0;
    p.ether_type = load_be16(ip - 2);
    p.ip_version = tunnel.ip_version;
    p.l4 = static_cast<std::uint16_t>(kEthernetSize + tunnel.ip_size());
    p.payload = static_cast<std::uint16_t>(kEthernetSize + tunnel.size);
    p.ttl = ip[v4 ? 8 : 7];
    p.tcp_flags = p.icmp_type = p.icmp_code = 0;
    p.flags = static_cast<std::uint16_t>((p.flags & (kTraced | kTranslated | kTunnel)) | kIp |
                                         (tunnel.gue ? kL4 : 0));
    p.key.source = IpAddress::from(addresses, size);
    p.key.destination = IpAddress::from(addresses + size, size);
    const std::uint8_t* ports = p.data + p.l4;
    p.key.set_transport(ip[v4 ? 9 : 6], tunnel.gue ? load_be16(ports) : std::uint16_t{0},
                        tunnel.gue ? load_be16(ports + 2) : std::uint16_t{0});
    p.via = nullptr;
  }

  Context& context_;
  Burst& burst_;
  Unfit unfit_;
};

const Tunnel& tunnel_of(const ServiceTable& services, const Packet& p) {
  return services.tunnel(services.backends()[p.backend - 1], p.ip_version == 4 ? 0 : 1);
}

}  // namespace

Unfit encapsulate(Context& context, const ServiceTable& services, Burst& burst,
                  std::uint64_t mask) {
  std::array<const Tunnel*, kBurstMax> tunnels;
  for_each_bit(burst.alive & mask, [&](unsigned i) {
    tunnels[i] = &tunnel_of(services, burst.packets[i]);
    __builtin_prefetch(tunnels[i]);
  });
  Encapsulator encapsulator(context, burst);
  for_each_bit(burst.alive & mask, [&](unsigned i) { encapsulator.packet(i, *tunnels[i]); });
  return encapsulator.unfit();
}

std::uint16_t mtu_within_tunnel(const ServiceTable& services, const Packet& packet) {
  return tunnel_of(services, packet).inner_mtu(packet.ip_version == 4);
}

}  // namespace sluice::balancer
