#include "dataplane/packet/why_frame.hpp"

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kEthernetSize = 14, kIpv4Size = 20, kIpv6Size = 40;
constexpr std::uint8_t kTtl = 64;
constexpr std::uint16_t kWindow = 64'240;
constexpr MacAddress kNeighbour{{0x02, 0, 0, 0, 0, 0x01}};  ///< that it seems to come from

Bytes tcp_header(const DescribedPacket& packet) {
  Bytes out(20);
  store_be16(out.data(), packet.key.source_port);
  store_be16(out.data() + 2, packet.key.destination_port);
  store_be32(out.data() + 4, 1);  // a sequence number like any other
  out[12] = 5 << 4;               // header size in words
  out[13] = packet.tcp_flags;
  store_be16(out.data() + 14, kWindow);
  return out;
}

Bytes udp_datagram(const DescribedPacket& packet) {
  Bytes out(8);
  store_be16(out.data(), packet.key.source_port);
  store_be16(out.data() + 2, packet.key.destination_port);
  store_be16(out.data() + 4, static_cast<std::uint16_t>(out.size() + packet.payload.size()));
  out.insert(out.end(), packet.payload.begin(), packet.payload.end());
  return out;
}

Bytes echo_request(const DescribedPacket& packet) {
  Bytes out(8);
  out[0] = packet.key.protocol == ip_protocol::kIcmp ? 8 : 128;
  store_be16(out.data() + 4, packet.key.source_port);
  store_be16(out.data() + 6, 1);
  return out;
}

Bytes transport_of(const DescribedPacket& packet) {
  switch (packet.key.protocol) {
    case ip_protocol::kTcp:
      return tcp_header(packet);
    case ip_protocol::kUdp:
      return udp_datagram(packet);
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmp6:
      return echo_request(packet);
    default:
      return packet.payload;
  }
}

void put_ip(const FlowKey& key, std::size_t payload, std::uint8_t* at) {
  if (key.source.is_v4()) {
    at[0] = 0x45;
    store_be16(at + 2, static_cast<std::uint16_t>(kIpv4Size + payload));
    at[8] = kTtl;
    at[9] = key.protocol;
  } else {
    at[0] = 0x60;
    store_be16(at + 4, static_cast<std::uint16_t>(payload));
    at[6] = key.protocol;
    at[7] = kTtl;
  }
  const std::size_t size = key.source.network_size();
  std::uint8_t* addresses = at + (size == 4 ? 12 : 8);
  std::memcpy(addresses, key.source.network(), size);
  std::memcpy(addresses + size, key.destination.network(), size);
}

}  // namespace

std::vector<std::uint8_t> frame_of(const DescribedPacket& packet, const MacAddress& station) {
  const bool v4 = packet.key.source.is_v4();
  const std::size_t l4 = kEthernetSize + (v4 ? kIpv4Size : kIpv6Size);
  const Bytes transport = transport_of(packet);
  Bytes frame(l4 + transport.size());
  std::memcpy(frame.data(), station.bytes.data(), 6);
  std::memcpy(frame.data() + 6, kNeighbour.bytes.data(), 6);
  store_be16(frame.data() + 12, v4 ? 0x0800 : 0x86dd);
  put_ip(packet.key, transport.size(), frame.data() + kEthernetSize);
  std::copy(transport.begin(), transport.end(), frame.begin() + static_cast<std::ptrdiff_t>(l4));
  Packet parsed;
  parsed.data = frame.data();
  parsed.flags = packet_flag::kIp | packet_flag::kL4;
  parsed.ip_version = v4 ? 4 : 6;
  parsed.l3 = kEthernetSize;
  parsed.l4 = static_cast<std::uint16_t>(l4);
  parsed.end = static_cast<std::uint16_t>(frame.size());
  parsed.key = packet.key;
  fill_checksums(parsed);
  return frame;
}

}  // namespace sluice
