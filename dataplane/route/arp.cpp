#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/frame.hpp"
#include "dataplane/route/resolve.hpp"

namespace sluice::route {
namespace {

bool well_formed(const std::uint8_t* arp) {
  const std::uint16_t operation = load_be16(arp + 6);
  return load_be16(arp) == 1 && load_be16(arp + 2) == kEtherIpv4 && arp[4] == 6 && arp[5] == 4 &&
         (operation == ArpMessage::kRequest || operation == ArpMessage::kReply);
}

ArpMessage read(const std::uint8_t* arp) {
  return {.operation = load_be16(arp + 6),
          .sender_mac = mac_at(arp + 8),
          .sender = IpAddress::from(arp + 14, 4),
          .target_mac = mac_at(arp + 18),
          .target = IpAddress::from(arp + 24, 4)};
}

void answer(const Table& table, const ArpMessage& question, Packet& p) {
  const MacAddress& ours = our_mac(table, p.in_port);
  turn_around(table, p);
  write_arp(p.l3_bytes(), ArpMessage{.operation = ArpMessage::kReply,
                                     .sender_mac = ours,
                                     .sender = question.target,
                                     .target_mac = question.sender_mac,
                                     .target = question.sender});
}

/// The host's stack sees the whole world behind us: any address but its own (which are ours) is
/// answered for.
Outcome answer_host(const Table& table, const ArpMessage& message, Packet& p) {
  if (message.operation != ArpMessage::kRequest || table.is_ours(message.target) ||
      message.sender == message.target)
    return {};
  answer(table, message, p);
  return answered();
}

/// Senders outside the port's networks are not learned, whatever they claim.
void learn(Context& context, const Table& table, Neighbours& neighbours, const Packet& p,
           const ArpMessage& message, bool to_us) {
  if (!table.on_link(p.in_port, message.sender)) return;
  Evidence evidence = Evidence::announced;
  if (to_us)
    evidence = message.operation == ArpMessage::kReply ? Evidence::answered : Evidence::asked;
  neighbours.observe(context, table,
                     {.address = message.sender,
                      .mac = message.sender_mac,
                      .port = p.in_port,
                      .evidence = evidence});
}

}  // namespace

Outcome handle_arp(Context& context, const Table& table, Neighbours& neighbours, Packet& p) {
  if (!well_formed(p.l3_bytes())) return dropped(DropReason::arp_malformed);
  const ArpMessage message = read(p.l3_bytes());
  if (p.in_port == table.host_port()) return answer_host(table, message, p);
  if (message.sender_mac.is_group() || message.sender_mac == MacAddress{} ||
      message.sender.is_multicast() || message.sender.is_loopback())
    return dropped(DropReason::arp_malformed);
  // A probe (RFC 5227 section 2.1.1) has no sender; it is answered, but teaches nothing.
  const bool probe = message.sender.is_unspecified();
  if (!probe && table.is_ours(message.sender)) return dropped(DropReason::arp_malformed);
  const bool target_ours = table.answers_for(p.in_port, message.target);
  if (message.operation == ArpMessage::kReply) {
    const bool to_us = target_ours && message.target_mac == table.port(p.in_port).mac &&
                       !p.has(packet_flag::kGroupMac);
    if (!probe) learn(context, table, neighbours, p, message, to_us);
    return {};
  }
  if (!probe) learn(context, table, neighbours, p, message, target_ours);
  if (!target_ours) return {};
  answer(table, message, p);
  return answered();
}

}  // namespace sluice::route
