#include "dataplane/packet/parse.hpp"

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/extension_headers.hpp"
#include "dataplane/packet/parse_plain.hpp"

namespace sluice {
namespace {

using enum DropReason;

constexpr std::uint16_t kIpv4 = 0x0800, kArp = 0x0806, kIpv6 = 0x86dd;
constexpr std::uint16_t kVlanTag = 0x8100, kServiceTag = 0x88a8;
constexpr unsigned kVlanTagsMax = 2;
constexpr unsigned kEthernetSize = 14, kArpSize = 28, kIpv4Size = 20, kIpv6Size = 40;
constexpr unsigned kDatagramMax = 65'535;

/// What the network layer knows that the transport layer needs.
struct Network {
  bool more_fragments = false;
  std::uint32_t fragment_offset = 0;
};

void reset(Packet& p) {
  p.out_port = kNoPort;
  p.vlan = 0;
  p.ip_version = 0;
  p.l4 = p.payload = p.end = 0;
  p.ttl = p.tcp_flags = p.icmp_type = p.icmp_code = 0;
  p.verdict = Verdict::none;
  p.reason = none;
  p.connection = ConnectionState::untracked;
  p.stage = 0;
  p.next_hop = 0;
  p.rule = p.service = p.backend = p.flow = 0;
  p.via = nullptr;
}

DropReason parse_link(Packet& p) {
  if (p.length < kEthernetSize) return frame_truncated;
  if ((p.data[0] & 1U) != 0) p.flags |= packet_flag::kGroupMac;
  p.ether_type = load_be16(p.data + 12);
  p.l3 = kEthernetSize;
  for (unsigned tags = 0; p.ether_type == kVlanTag || p.ether_type == kServiceTag; ++tags) {
    if (tags == kVlanTagsMax) return vlan_too_deep;
    if (p.length < p.l3 + 4U) return frame_truncated;
    if (tags == 0) p.vlan = load_be16(p.data + p.l3) & 0xfff;
    p.ether_type = load_be16(p.data + p.l3 + 2);
    p.l3 = static_cast<std::uint8_t>(p.l3 + 4);
  }
  return none;
}

DropReason parse_arp(Packet& p) {
  if (p.length < p.l3 + kArpSize) return frame_truncated;
  p.l4 = p.payload = p.end = static_cast<std::uint16_t>(p.l3 + kArpSize);
  return none;
}

/// Source routes and options that reach past the header (RFC 791 section 3.1).
DropReason check_ipv4_options(std::span<const std::uint8_t> options) {
  constexpr std::uint8_t kEnd = 0, kNoOperation = 1, kLooseRoute = 131, kStrictRoute = 137;
  ByteReader reader(options);
  while (reader.left() != 0) {
    const std::uint8_t type = reader.u8();
    if (type == kEnd) break;
    if (type == kNoOperation) continue;
    if (type == kLooseRoute || type == kStrictRoute) return ip_source_route;
    const std::uint8_t size = reader.u8();
    if (size < 2) return ip_header_malformed;
    reader.skip(size - 2U);
    if (!reader.ok()) return ip_header_malformed;
  }
  return none;
}

/// RFC 1122 section 3.2.1.3 and RFC 1812 section 5.3.7: what may not stand in a packet on a wire.
DropReason check_ipv4_addresses(std::uint32_t source, std::uint32_t destination) {
  const std::uint32_t source_net = source >> 24;
  const std::uint32_t destination_net = destination >> 24;
  if (source_net == 0 || source_net == 127 || (source_net & 0xf0) == 0xe0 || source == 0xffffffff)
    return ip_source_invalid;
  if (destination_net == 0 || destination_net == 127) return not_routable;
  return none;
}

/// Also refuses ::ffff:0:0/96 on the wire: inside Sluice it means IPv4. A source of :: passes here;
/// only some ICMPv6 messages may have it, which the transport layer checks.
DropReason check_ipv6_addresses(const IpAddress& source, const IpAddress& destination) {
  if (source.is_multicast() || source.is_loopback() || source.is_v4()) return ip_source_invalid;
  if (destination.is_unspecified() || destination.is_loopback() || destination.is_v4())
    return not_routable;
  return none;
}

/// Messages of a node that has no address yet: listener reports and done (RFC 3590), router and
/// neighbour solicitations (RFC 4861).
bool may_come_from_unspecified(const Packet& p) {
  return p.key.protocol == ip_protocol::kIcmp6 && p.has(packet_flag::kL4) &&
         (p.icmp_type == 131 || p.icmp_type == 132 || p.icmp_type == 133 || p.icmp_type == 135 ||
          p.icmp_type == 143);
}

/// Of ICMP, which is acted upon in many places; of TCP and UDP who needs it asks for it. UDP over
/// IPv6 always has one (RFC 8200 section 8.1).
DropReason check_transport_checksum(Packet& p) {
  switch (p.key.protocol) {
    case ip_protocol::kTcp:
      return none;
    case ip_protocol::kUdp: {
      const bool has_none = !p.has(packet_flag::kFragment) && load_be16(p.l4_bytes() + 6) == 0;
      return has_none && p.ip_version == 6 ? l4_checksum : none;
    }
    default:
      return l4_checksum_right(p) ? none : l4_checksum;
  }
}

/// Reads the fixed header of TCP, UDP or ICMP, all `available` bytes of which are in the packet.
/// False: cut short, or its own length contradicts the packet.
bool read_transport_header(Packet& p, unsigned available) {
  const std::uint8_t* l4 = p.l4_bytes();
  unsigned header = 8;
  switch (p.key.protocol) {
    case ip_protocol::kTcp:
      if (available < 20) return false;
      header = (l4[12] >> 4U) * 4U;
      if (header < 20 || header > available) return false;
      p.tcp_flags = l4[13];
      break;
    case ip_protocol::kUdp: {
      if (available < header) return false;
      const unsigned size = load_be16(l4 + 4);
      if (size < header) return false;
      if (!p.has(packet_flag::kFragment) && size != available) return false;
      break;
    }
    default:  // ICMP of either family
      if (available < header) return false;
      p.icmp_type = l4[0];
      p.icmp_code = l4[1];
      p.payload = static_cast<std::uint16_t>(p.l4 + header);
      return true;
  }
  p.key.set_transport(p.key.protocol, load_be16(l4), load_be16(l4 + 2));
  p.payload = static_cast<std::uint16_t>(p.l4 + header);
  return true;
}

/// Echo messages are a flow named by their identifier; errors are marked.
void classify_icmp(Packet& p) {
  const bool v4 = p.ip_version == 4;
  const bool echo = v4 ? p.icmp_type == 0 || p.icmp_type == 8  // RFC 792
                       : p.icmp_type == 128 || p.icmp_type == 129;
  const std::uint16_t identifier = load_be16(p.l4_bytes() + 4);
  if (echo) p.key.set_transport(p.key.protocol, identifier, identifier);
  const bool error =
      v4 ? p.icmp_type == 3 || p.icmp_type == 11 || p.icmp_type == 12 : p.icmp_type < 128;
  if (error) p.flags |= packet_flag::kIcmpError;
}

bool transport_known(const Packet& p) {
  const std::uint8_t icmp = p.ip_version == 4 ? ip_protocol::kIcmp : ip_protocol::kIcmp6;
  return p.key.protocol == ip_protocol::kTcp || p.key.protocol == ip_protocol::kUdp ||
         p.key.protocol == icmp;
}

DropReason parse_transport(Packet& p, const Network& network) {
  const unsigned available = static_cast<unsigned>(p.end) - p.l4;
  p.payload = p.l4;
  if (network.more_fragments || network.fragment_offset != 0) {
    p.flags |= packet_flag::kFragment;
    if (network.more_fragments && available % 8 != 0) return ip_header_malformed;
    if (network.fragment_offset + available > kDatagramMax) return ip_header_malformed;
    if (network.fragment_offset != 0) {
      p.flags |= packet_flag::kLaterFragment;
      // RFC 3128: a fragment at offset 8 could overwrite the flags of an inspected TCP header.
      const bool tiny = network.fragment_offset == 8 && p.key.protocol == ip_protocol::kTcp;
      return tiny ? fragment_overlap : none;
    }
  }
  if (!transport_known(p)) return none;
  if (!read_transport_header(p, available))
    return p.has(packet_flag::kFragment) ? fragment_overlap : l4_truncated;
  p.flags |= packet_flag::kL4;
  if (p.key.protocol == ip_protocol::kIcmp || p.key.protocol == ip_protocol::kIcmp6)
    classify_icmp(p);
  return check_transport_checksum(p);
}

DropReason parse_ipv4(Packet& p) {
  if (p.length < p.l3 + kIpv4Size) return ip_header_malformed;
  const std::uint8_t* ip = p.l3_bytes();
  const unsigned header = (ip[0] & 0xfU) * 4U;
  const unsigned total = load_be16(ip + 2);
  if (ip[0] >> 4U != 4 || header < kIpv4Size || total < header || p.l3 + total > p.length)
    return ip_header_malformed;
  if (!checksum_right(checksum_raw(ip, header))) return ip_checksum;
  p.ip_version = 4;
  p.l4 = static_cast<std::uint16_t>(p.l3 + header);
  p.end = static_cast<std::uint16_t>(p.l3 + total);
  p.ttl = ip[8];
  const std::uint32_t source = load_be32(ip + 12);
  const std::uint32_t destination = load_be32(ip + 16);
  p.key.source = IpAddress::v4(source);
  p.key.destination = IpAddress::v4(destination);
  p.key.set_transport(ip[9], 0, 0);
  p.flags |= packet_flag::kIp;
  if (header != kIpv4Size) {
    p.flags |= packet_flag::kIpOptions;
    const DropReason reason = check_ipv4_options({ip + kIpv4Size, header - kIpv4Size});
    if (reason != none) return reason;
  }
  const DropReason reason = check_ipv4_addresses(source, destination);
  if (reason != none) return reason;
  const unsigned fragment = load_be16(ip + 6);
  return parse_transport(p, {.more_fragments = (fragment & 0x2000U) != 0,
                             .fragment_offset = (fragment & 0x1fffU) * 8});
}

DropReason parse_ipv6(Packet& p) {
  if (p.length < p.l3 + kIpv6Size) return ip_header_malformed;
  const std::uint8_t* ip = p.l3_bytes();
  const unsigned total = kIpv6Size + load_be16(ip + 4);
  if (ip[0] >> 4U != 6 || p.l3 + total > p.length) return ip_header_malformed;
  p.ip_version = 6;
  p.end = static_cast<std::uint16_t>(p.l3 + total);
  p.ttl = ip[7];
  p.key.source = IpAddress::from(ip + 8, 16);
  p.key.destination = IpAddress::from(ip + 24, 16);
  p.key.set_transport(0, 0, 0);  // until the extension headers are walked
  p.flags |= packet_flag::kIp;
  const ExtensionChain chain =
      walk_extension_headers(ip[6], {ip + kIpv6Size, std::size_t{total} - kIpv6Size});
  if (chain.reason != none) return chain.reason;
  if (chain.size != 0) p.flags |= packet_flag::kIpOptions;
  p.l4 = static_cast<std::uint16_t>(p.l3 + kIpv6Size + chain.size);
  p.key.set_transport(chain.protocol, 0, 0);
  // The checksum covers the last address of a routing header, not this one (RFC 8200 section 8.1).
  if (chain.rerouted) p.flags |= packet_flag::kL4ChecksumGood;
  DropReason reason = check_ipv6_addresses(p.key.source, p.key.destination);
  if (reason != none) return reason;
  reason = parse_transport(
      p, {.more_fragments = chain.more_fragments, .fragment_offset = chain.fragment_offset});
  if (reason == none && p.key.source.is_unspecified() && !may_come_from_unspecified(p))
    return ip_source_invalid;
  return reason;
}

}  // namespace

DropReason parse_any(Packet& p) {
  reset(p);
  const DropReason reason = parse_link(p);
  if (reason != none) return reason;
  switch (p.ether_type) {
    case kIpv4:
      return parse_ipv4(p);
    case kIpv6:
      return parse_ipv6(p);
    case kArp:
      return parse_arp(p);
    default:
      return ethertype_unknown;
  }
}

DropReason parse(Packet& p) {
  return parse_plain(p, kAnyStation) ? none : parse_any(p);
}

std::uint64_t parse(const Stations& stations, Burst& burst) {
  std::uint64_t plain = 0;
  PortId port = kNoPort;  // nearly always one for the whole burst
  std::uint64_t station = kAnyStation;
  for (unsigned i = 0; i < burst.count; ++i) {
    Packet& p = burst.packets.data()[i];
    if (p.in_port != port) {
      port = p.in_port;
      station = station_at(stations, port);
    }
    if (parse_plain(p, station)) [[likely]] {
      plain |= std::uint64_t{1} << i;
      continue;
    }
    const DropReason reason = parse_any(p);
    if (reason != none) burst.drop(i, reason);
  }
  return plain;
}

}  // namespace sluice
