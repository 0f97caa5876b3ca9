#include "dataplane/route/solicit.hpp"

#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/frame.hpp"

namespace sluice::route {
namespace {

constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr unsigned kLinkAddressOption = 8;

/// An address of the port in the target's network, so that the target can answer on the link.
IpAddress source_for(const Table& table, PortId id, const IpAddress& target) {
  const Port& port = table.port(id);
  if (!target.is_v4() && target.is_link_local()) return port.link_local;
  for (const Prefix& prefix : port.addresses) {
    if (prefix.contains(target)) return prefix.address;
  }
  return target.is_v4() ? table.source_address(id, true) : port.link_local;
}

/// False: no buffer, or too small a one.
bool start(Context& context, PortId port, unsigned size, Packet& packet) {
  if (context.pool == nullptr || !context.pool->allocate(packet)) return false;
  if (packet.room < size) {
    context.pool->release(packet);
    return false;
  }
  packet.length = packet.end = static_cast<std::uint16_t>(size);
  packet.l3 = kEthernetSize;
  packet.out_port = port;
  packet.in_port = kNoPort;
  return true;
}

void send(Context& context, Packet& packet) {
  context.books->originated.add(1);
  context.emitter->emit(packet);
}

void send_arp_request(Context& context, const Table& table, PortId port, const IpAddress& target,
                      const MacAddress* to) {
  Packet packet;
  if (!start(context, port, kEthernetSize + kArpSize, packet)) return;
  const MacAddress& ours = table.port(port).mac;
  set_ether(packet.data, to != nullptr ? *to : kBroadcast, ours);
  store_be16(packet.data + 12, kEtherArp);
  packet.ether_type = kEtherArp;
  write_arp(packet.l3_bytes(), ArpMessage{.operation = ArpMessage::kRequest,
                                          .sender_mac = ours,
                                          .sender = source_for(table, port, target),
                                          .target_mac = {},
                                          .target = target});
  send(context, packet);
}

}  // namespace

void send_solicitation(Context& context, const Table& table, PortId port, const IpAddress& target,
                       const MacAddress* to) {
  if (!table.port(port).known) return;  // the port left with an older snapshot
  if (target.is_v4()) return send_arp_request(context, table, port, target, to);
  Packet packet;
  constexpr unsigned kIcmpBytes = 24 + kLinkAddressOption;
  if (!start(context, port, kEthernetSize + kIpv6Size + kIcmpBytes, packet)) return;
  const MacAddress& ours = table.port(port).mac;
  const IpAddress group = solicited_node(target);
  set_ether(packet.data, to != nullptr ? *to : multicast_mac(group), ours);
  std::uint8_t* message = start_icmp6(packet, source_for(table, port, target),
                                      to != nullptr ? target : group, kIcmpBytes);
  message[0] = nd::kNeighbourSolicitation;
  std::memcpy(message + 8, target.bytes.data(), 16);
  write_link_address(message + 24, nd::kSourceLinkAddress, ours);
  finish_icmp6(packet);
  send(context, packet);
}

void send_router_solicitation(Context& context, const Table& table, PortId port) {
  Packet packet;
  constexpr unsigned kIcmpBytes = 8 + kLinkAddressOption;
  if (!start(context, port, kEthernetSize + kIpv6Size + kIcmpBytes, packet)) return;
  const Port& ours = table.port(port);
  IpAddress all_routers;
  all_routers.bytes[0] = 0xff;
  all_routers.bytes[1] = all_routers.bytes[15] = 2;
  set_ether(packet.data, multicast_mac(all_routers), ours.mac);
  std::uint8_t* message = start_icmp6(packet, ours.link_local, all_routers, kIcmpBytes);
  message[0] = nd::kRouterSolicitation;
  write_link_address(message + 8, nd::kSourceLinkAddress, ours.mac);
  finish_icmp6(packet);
  send(context, packet);
}

}  // namespace sluice::route
