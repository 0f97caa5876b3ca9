#include "dataplane/packet/link_filter.hpp"

#include <cstring>

namespace sluice {
namespace {

/// The first eight bytes of a frame hold the destination in the low six (little-endian).
constexpr std::uint64_t kAddressMask = 0xffff'ffff'ffff;

std::uint64_t destination_of(const Packet& p) {
  std::uint64_t bytes;
  std::memcpy(&bytes, p.data, sizeof bytes);  // parse made sure of fourteen
  return bytes & kAddressMask;
}

bool for_another_station(const Stations& stations, const Packet& p) {
  if (p.has(packet_flag::kGroupMac | packet_flag::kFromHost) || p.in_port >= stations.size())
    return false;
  const std::uint64_t ours = stations[p.in_port];
  return ours != 0 && destination_of(p) != ours;
}

bool is_link_control(const Packet& p) {
  if (!p.has(packet_flag::kIp)) return true;  // parse lets nothing else through but ARP
  return p.key.protocol == ip_protocol::kIcmp6 && p.ip_version == 6 && p.icmp_type >= 133 &&
         p.icmp_type <= 137;
}

}  // namespace

std::uint64_t station_of(const MacAddress& mac) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, mac.bytes.data(), mac.bytes.size());
  return bytes;
}

std::uint64_t filter_link(const Stations& stations, Burst& burst) {
  std::uint64_t link_control = 0;
  burst.for_each_alive([&](unsigned i, const Packet& p) {
    if (for_another_station(stations, p)) return burst.drop(i, DropReason::not_our_mac);
    if (is_link_control(p)) link_control |= std::uint64_t{1} << i;
  });
  return link_control;
}

}  // namespace sluice
