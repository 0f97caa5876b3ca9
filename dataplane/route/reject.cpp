#include "dataplane/packet/checksum.hpp"
#include "dataplane/route/icmp_error.hpp"
#include "dataplane/route/stages.hpp"
#include "dataplane/route/tcp_reset.hpp"

namespace sluice::route {
namespace {

bool answer(Context& context, const Table& table, Packet& p) {
  if (p.reject_type == 0) return make_tcp_reset(table, p);
  return make_icmp_error(context, table, p, {p.reject_type, p.reject_code},
                         DropReason::rule_reject) == DropReason::none;
}

}  // namespace

void reject(Context& context, const Table& table, Burst& burst) {
  burst.for_each_alive([&](unsigned i, Packet& p) {
    if (p.reason != DropReason::rule_reject) return;
    if (!l4_checksum_right(p)) return burst.drop(i, DropReason::l4_checksum);
    if (!answer(context, table, p)) return burst.drop(i, DropReason::rule_reject);
    p.reason = DropReason::none;
    burst.decide(i, Verdict::answered);
  });
}

void reset(const Table& table, Burst& burst, DropReason reason) {
  burst.for_each_alive([&](unsigned i, Packet& p) {
    if (p.reason != reason) return;
    if (!l4_checksum_right(p)) return burst.drop(i, DropReason::l4_checksum);
    if (!make_tcp_reset(table, p)) return burst.drop(i, reason);
    p.reason = DropReason::none;
    burst.decide(i, Verdict::answered);
  });
}

}  // namespace sluice::route
