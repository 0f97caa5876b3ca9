/// The routing stages. A Table is immutable and shared by all workers; Neighbours belong to one.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/packet/context.hpp"
#include "dataplane/route/neighbours.hpp"
#include "dataplane/route/source.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

/// All mistakes of the source are found, not only the first; Error::where names the field, as
/// `ports.NAME.addresses[0]`, `routes[2].via` or `locals[1]`.
[[nodiscard]] tl::expected<std::shared_ptr<const Table>, std::vector<Error>> compile(
    const Source& source);

/// Longest-prefix match on the destination of the alive IP packets of a set: sets Packet::next_hop.
/// Returns those whose destination is one of ours.
std::uint64_t look_up(const Table& table, Burst& burst, std::uint64_t set = ~std::uint64_t{0});
/// ARP and neighbour discovery: learns, answers, releases what was held. Needs no IP route. On the
/// host port every address but our own is answered for. Neighbours::tick is to be called once a
/// turn.
void resolve(Context& context, const Table& table, Neighbours& neighbours, Burst& burst);
/// Packets to our own addresses that nobody else wanted (`mask`: the table says is_local): ICMP
/// echo is answered. At an interface address the rest is punted to the host port, at a name server
/// address TCP to port 53 is (a shard serves it); anything else at a name server address gets a
/// port unreachable or a reset. (TCP and UDP that no service wants never come here: the balancer
/// dropped them.)
void local(Context& context, const Table& table, Burst& burst, std::uint64_t mask);
/// Everything else alive: TTL, MTU, next hop's Ethernet address, out_port, verdict sent; or an ICMP
/// error in place of the packet (answered), held, or dropped. A held packet belongs to `neighbours`
/// from then on. IPv4 packets above the MTU are never fragmented here, with or without DF: their
/// sender hears "fragmentation needed". Ports are untagged: VLAN tags are removed. Packets from the
/// host (kFromHost) keep their TTL, as nobody routed them yet.
void forward(Context& context, const Table& table, Neighbours& neighbours, Burst& burst);
/// Turns alive packets with reason rule_reject into a TCP reset or the ICMP error that
/// Packet::reject_type and reject_code ask for; what may not be answered is dropped as rule_reject.
void reject(Context& context, const Table& table, Burst& burst);
/// Turns alive TCP packets with this reason into resets, or drops them for it.
void reset(const Table& table, Burst& burst, DropReason reason);

}  // namespace sluice::route
