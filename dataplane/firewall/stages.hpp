/// The firewall's stages. A RuleSet is immutable and shared by all workers; a Tracker belongs to
/// one.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/firewall/source.hpp"
#include "dataplane/packet/context.hpp"

namespace sluice::firewall {

class RuleSet;
class Tracker;

/// All mistakes of the source are found, not only the first; names of counters become slots.
[[nodiscard]] tl::expected<std::shared_ptr<const RuleSet>, std::vector<Error>> compile(
    const Source& source, SlotRegistry& slots);

/// Early limits: address sets with early_drop, and (not for the plain packets that parse() found)
/// the land attack.
void early(const RuleSet& rules, Burst& burst, std::uint64_t plain);
/// Runs the chains that come before tracking: hook ingress, and prerouting at a priority below
/// -200. Then finds or prepares the connection of each packet and sets Packet::connection.
void track(Context& context, const RuleSet& rules, Tracker& tracker, Burst& burst);
/// Runs the other chains of hook prerouting on every packet, then those of input on the packets
/// whose bit in `local` is set (for an address of this host or its name server) and those of
/// forward on the others (transit and balanced services). Packets from the exception path pass
/// unfiltered. What is let through commits its new connection. A reject asks for an answer by
/// leaving verdict none and setting reason rule_reject, Packet::reject_type and reject_code: the
/// pipeline has route turn it into one.
void filter(Context& context, const RuleSet& rules, Tracker& tracker, Burst& burst,
            std::uint64_t local);

}  // namespace sluice::firewall
