#include "dataplane/packet/link_filter.hpp"

namespace sluice {
namespace {

bool for_another_station(const Stations& stations, const Packet& p) {
  if (p.has(packet_flag::kGroupMac | packet_flag::kFromHost)) return false;
  const std::uint64_t ours = station_at(stations, p.in_port);
  return ours != kAnyStation && destination_station(p.data) != ours;
}

bool is_link_control(const Packet& p) {
  if (!p.has(packet_flag::kIp)) return true;  // parse lets nothing else through but ARP
  return p.key.protocol == ip_protocol::kIcmp6 && p.ip_version == 6 && p.icmp_type >= 133 &&
         p.icmp_type <= 137;
}

}  // namespace

std::uint64_t filter_link(const Stations& stations, Burst& burst, std::uint64_t plain) {
  std::uint64_t link_control = 0;
  burst.for_each_alive(~plain, [&](unsigned i, const Packet& p) {
    if (for_another_station(stations, p)) return burst.drop(i, DropReason::not_our_mac);
    if (is_link_control(p)) link_control |= std::uint64_t{1} << i;
  });
  return link_control;
}

}  // namespace sluice
