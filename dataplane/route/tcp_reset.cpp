#include "dataplane/route/tcp_reset.hpp"

#include "dataplane/packet/tcp_reset.hpp"
#include "dataplane/route/ethernet.hpp"

namespace sluice::route {
namespace {

using namespace packet_flag;

bool may_answer(const Table& table, const Packet& p) {
  if (p.key.protocol != ip_protocol::kTcp || !p.has(kL4) || p.has(kFragment)) return false;
  if ((p.tcp_flags & tcp_flag::kRst) != 0 || p.has(kGroupMac)) return false;
  if (p.has(kTranslated) || p.has(kRestored)) return false;
  const auto kind = table.next_hop(table.find(p.key.destination, p.in_port)).kind;
  return kind != RouteKind::not_routable;
}

}  // namespace

bool make_tcp_reset(const Table& table, Packet& p) {
  if (!may_answer(table, p)) return false;
  answer_with_reset(p);
  turn_around(table, p);
  return true;
}

}  // namespace sluice::route
