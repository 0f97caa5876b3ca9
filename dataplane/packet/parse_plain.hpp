/// The short way of parse for the frames that nearly all are.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/packet/station.hpp"

namespace sluice {

/// Parses an untagged, whole UDP or TCP packet over IPv4 without options, in which everything is as
/// it should be, for `station` (kAnyStation: for no group) and between two addresses. False: it is
/// not such a packet, and nothing was changed: the long way tells what it is. Both ways find the
/// same.
[[nodiscard, gnu::always_inline]] inline bool parse_plain(Packet& p, std::uint64_t station) {
  constexpr unsigned kIp = 14, kIpSize = 20, kL4 = kIp + kIpSize, kUdpSize = 8, kTcpSize = 20;
  const std::uint8_t* frame = p.data;
  if (p.length < kL4 + kUdpSize) return false;
  if (load_be16(frame + 12) != 0x0800 || frame[kIp] != 0x45) return false;
  if (station != kAnyStation ? destination_station(frame) != station : (frame[0] & 1U) != 0)
    return false;
  if ((load_be16(frame + kIp + 6) & 0x3fffU) != 0) return false;  // a fragment
  const unsigned total = load_be16(frame + kIp + 2);
  if (total < kIpSize + kUdpSize || kIp + total > p.length) return false;
  const unsigned size = total - kIpSize;

  const std::uint32_t source = load_be32(frame + kIp + 12);
  const std::uint32_t destination = load_be32(frame + kIp + 16);
  const std::uint32_t source_net = source >> 24, destination_net = destination >> 24;
  if (source_net - 1 >= 0xdf || source_net == 127 || destination_net == 0 || destination_net == 127)
    return false;
  if (source == destination) return false;
  if (!checksum_right(checksum_raw(frame + kIp, kIpSize))) return false;

  const std::uint8_t* l4 = frame + kL4;
  const std::uint8_t protocol = frame[kIp + 9];
  unsigned header = kUdpSize;
  std::uint8_t tcp_flags = 0;
  if (protocol == ip_protocol::kUdp) {
    if (load_be16(l4 + 4) != size) return false;
  } else if (protocol == ip_protocol::kTcp) {
    if (size < kTcpSize) return false;
    header = (l4[12] >> 4U) * 4U;
    if (header < kTcpSize || header > size) return false;
    tcp_flags = l4[13];
  } else {
    return false;
  }

  p.out_port = kNoPort;
  p.flags = static_cast<std::uint16_t>(p.flags | packet_flag::kIp | packet_flag::kL4);
  p.ether_type = 0x0800;
  p.vlan = 0;
  p.l3 = kIp;
  p.ip_version = 4;
  p.l4 = kL4;
  p.payload = static_cast<std::uint16_t>(kL4 + header);
  p.end = static_cast<std::uint16_t>(kIp + total);
  p.ttl = frame[kIp + 8];
  p.tcp_flags = tcp_flags;
  p.icmp_type = p.icmp_code = 0;
  p.next_hop = 0;
  p.verdict = Verdict::none;
  p.reason = DropReason::none;
  p.connection = ConnectionState::untracked;
  p.stage = 0;
  p.rule = p.service = p.backend = p.flow = 0;
  p.via = nullptr;
  p.key.source = IpAddress::v4(source);
  p.key.destination = IpAddress::v4(destination);
  const std::uint32_t ports = load_be32(l4);
  p.key.set_transport(protocol, static_cast<std::uint16_t>(ports >> 16),
                      static_cast<std::uint16_t>(ports));
  return true;
}

}  // namespace sluice
