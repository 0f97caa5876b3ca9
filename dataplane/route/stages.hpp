/// The routing stages. A Table is immutable and shared by all workers; Neighbours belong to one.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/packet/context.hpp"
#include "dataplane/route/source.hpp"

namespace sluice::route {

class Table;
class Neighbours;

/// All mistakes of the source are found, not only the first.
[[nodiscard]] tl::expected<std::shared_ptr<const Table>, std::vector<Error>> compile(
    const Source& source);

/// Longest-prefix match on the destination of every alive IP packet: sets Packet::next_hop.
void look_up(Context& context, const Table& table, Burst& burst);
/// ARP and neighbour discovery: learns, answers, releases what was held. Needs no IP route.
void resolve(Context& context, const Table& table, Neighbours& neighbours, Burst& burst);
/// Packets to our own addresses that nobody else wanted: ICMP echo and the like are answered, the
/// rest is punted to the host port.
void local(Context& context, const Table& table, Burst& burst, std::uint64_t mask);
/// Everything else alive: TTL, MTU, next hop's Ethernet address, out_port, verdict sent; or an ICMP
/// error in place of the packet (answered), held, or dropped.
void forward(Context& context, const Table& table, Neighbours& neighbours, Burst& burst);
/// Turns packets with reason rule_reject into a TCP reset or ICMP unreachable.
void reject(Context& context, const Table& table, Burst& burst);

}  // namespace sluice::route
