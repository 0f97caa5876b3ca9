#include "dataplane/route/tcp_reset.hpp"

#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/swap.hpp"

namespace sluice::route {
namespace {

using namespace packet_flag;

constexpr unsigned kTcpSize = 20;

bool may_answer(const Table& table, const Packet& p) {
  if (p.key.protocol != ip_protocol::kTcp || !p.has(kL4) || p.has(kFragment)) return false;
  if ((p.tcp_flags & tcp_flag::kRst) != 0 || p.has(kGroupMac)) return false;
  if (p.has(kTranslated) || p.has(kRestored)) return false;
  const auto kind = table.next_hop(table.find(p.key.destination, p.in_port)).kind;
  return kind != RouteKind::not_routable;
}

/// Sequence space that the segment takes: its data, SYN and FIN.
std::uint32_t segment_length(const Packet& p) {
  std::uint32_t length = static_cast<std::uint32_t>(p.end) - p.payload;
  if ((p.tcp_flags & tcp_flag::kSyn) != 0) ++length;
  if ((p.tcp_flags & tcp_flag::kFin) != 0) ++length;
  return length;
}

}  // namespace

bool make_tcp_reset(const Table& table, Packet& p) {
  if (!may_answer(table, p)) return false;
  std::uint8_t* tcp = p.l4_bytes();
  const bool acknowledges = (p.tcp_flags & tcp_flag::kAck) != 0;
  const std::uint32_t sequence = acknowledges ? load_be32(tcp + 8) : 0;
  const std::uint32_t acknowledgement = acknowledges ? 0 : load_be32(tcp + 4) + segment_length(p);
  p.tcp_flags = tcp_flag::kRst;
  if (!acknowledges) p.tcp_flags |= tcp_flag::kAck;
  store_be16(tcp, p.key.destination_port);
  store_be16(tcp + 2, p.key.source_port);
  store_be32(tcp + 4, sequence);
  store_be32(tcp + 8, acknowledgement);
  tcp[12] = (kTcpSize / 4) << 4U;
  tcp[13] = p.tcp_flags;
  std::memset(tcp + 14, 0, 6);
  p.payload = static_cast<std::uint16_t>(p.l4 + kTcpSize);
  swap_ends(p, p.payload);
  turn_around(table, p);
  return true;
}

}  // namespace sluice::route
