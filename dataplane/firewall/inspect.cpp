#include "dataplane/firewall/inspect.hpp"

#include "dataplane/firewall/tracker.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::firewall {

const char* name_of(TcpState state) {
  switch (state) {
    case TcpState::none:
      break;
    case TcpState::syn_sent:
      return "syn_sent";
    case TcpState::syn_both:
      return "syn_both";
    case TcpState::syn_received:
      return "syn_received";
    case TcpState::established:
      return "established";
    case TcpState::half_closed:
      return "half_closed";
    case TcpState::closing:
      return "closing";
    case TcpState::time_wait:
      return "time_wait";
    case TcpState::closed:
      return "closed";
  }
  return "none";
}

std::string state_text(const Connection& connection) {
  if (connection.tcp != TcpState::none) return name_of(connection.tcp);
  return connection.replied ? "answered" : "unanswered";
}

void number_segment(Packet& packet, const Connection& connection) {
  const bool tcp = packet.key.protocol == ip_protocol::kTcp && packet.has(packet_flag::kL4);
  if (!tcp || (packet.tcp_flags & tcp_flag::kSyn) != 0) return;
  const Direction direction = connection.key == packet.key ? Direction::original : Direction::reply;
  const TcpSide& sender = connection.side[index_of(direction)];
  const TcpSide& receiver = connection.side[index_of(opposite(direction))];
  store_be32(packet.l4_bytes() + 4, sender.end);
  store_be32(packet.l4_bytes() + 8, receiver.end);
  fill_checksums(packet);
}

const Connection* Tracker::borrow(const Tracker& live, const Packet& packet, Nanoseconds now) {
  if (!packet.has(packet_flag::kIp) || packet.has(packet_flag::kFragment)) return nullptr;
  const std::uint64_t hash = connection_hash(packet.key, seed_);
  const Connection* known = nullptr;
  // An echo and the echo of the same number the other way are two connections.
  for (const IcmpRole role : {IcmpRole::reply, IcmpRole::request}) {
    const Found found = live.find(packet.key, hash, role, now);
    if (found.index == ConnectionTable::kNone) continue;
    known = &live.table_.at(found.index);
    Connection copy = *known;
    copy.rules = 0;  // its passages are of the other's table
    static_cast<void>(table_.insert(copy, now));
  }
  if (!live.table_.has_room(hash, now)) table_.refuse_new();
  return known;
}

}  // namespace sluice::firewall
