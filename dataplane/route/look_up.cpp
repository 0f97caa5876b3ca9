#include "dataplane/route/stages.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {
namespace {

const IpAddress& destination_of(const Packet& p) {
  return p.via != nullptr ? *p.via : p.key.destination;
}

}  // namespace

/// A walk so short, and of steps that do not depend on each other, that the processor itself has
/// the tables' lines for many packets under way at once.
std::uint64_t look_up(const Table& table, Burst& burst, std::uint64_t set) {
  const Lpm4& lpm4 = table.lpm4();
  std::uint64_t ours = 0;
  std::uint64_t v6 = 0;
  burst.for_each_alive(set, [&](unsigned i, Packet& p) {
    if (p.ip_version != 4) {
      v6 |= std::uint64_t{p.ip_version == 6} << i;
      return;
    }
    constexpr std::size_t kAddress = 12;  // where in an IpAddress
    p.next_hop = lpm4.find(destination_of(p).bytes.data() + kAddress);
    ours |= std::uint64_t{table.kinds(p.next_hop) != 0} << i;
  });
  burst.for_each_alive(v6, [&](unsigned i, Packet& p) {
    const IpAddress& destination = destination_of(p);
    const LpmValue value = table.lpm6().find(destination.bytes.data());
    p.next_hop = table.scoped(value, destination, p.in_port);
    ours |= std::uint64_t{table.kinds(p.next_hop) != 0} << i;
  });
  return ours;
}

}  // namespace sluice::route
