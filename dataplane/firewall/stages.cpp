#include "dataplane/firewall/stages.hpp"

#include <array>

#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/firewall/tracker.hpp"

namespace sluice::firewall {
namespace {

void reject(Packet& packet, const Action& action) {
  constexpr std::uint8_t kUnreachable4 = 3;  // RFC 792
  constexpr std::uint8_t kUnreachable6 = 1;  // RFC 4443 section 3.1
  const bool v4 = packet.ip_version == 4;
  packet.reason = DropReason::rule_reject;
  packet.reject_type = action.tcp_reset ? 0 : v4 ? kUnreachable4 : kUnreachable6;
  packet.reject_code = action.tcp_reset ? 0 : v4 ? action.code4 : action.code6;
}

/// What the pipeline's next stages leave alone: it waits to be answered.
bool rejected(const Packet& packet) {
  return packet.reason == DropReason::rule_reject;
}

/// One packet through the chains of some walks. False: it is dropped or rejected.
template <class Walks>
bool accepted(Context& context, const RuleSet& rules, Burst& burst, unsigned i, PacketView& view,
              const Walks& walks, Passage* passage = nullptr) {
  Packet& packet = burst.packets[i];
  const auto bytes = static_cast<std::uint32_t>(packet.end - packet.l3);
  for (const Walk walk : walks) {
    // As in the kernel, forwarding has counted the hop when its chains look.
    if (walk == Walk::forward && packet.ttl != 0) --view.small[index_of(Dimension::ttl)];
    const Decision decision = rules.run(walk, view, *context.slots, bytes, passage);
    if (decision.rule != 0) packet.rule = decision.rule;
    if (decision.kind == VerdictKind::accept) continue;
    if (decision.kind == VerdictKind::drop) {
      const bool invalid = decision.action != nullptr && decision.action->on_invalid;
      burst.drop(i, invalid ? DropReason::connection_invalid : DropReason::rule);
    } else {
      reject(packet, *decision.action);
    }
    return false;
  }
  return true;
}

/// The chains that see packets before their connections are known.
void filter_untracked(Context& context, const RuleSet& rules, Burst& burst) {
  constexpr std::array kWalksBefore{Walk::ingress, Walk::raw};
  burst.for_each_alive([&](unsigned i, const Packet& packet) {
    if (!packet.has(packet_flag::kIp) || packet.has(packet_flag::kFromHost)) return;
    PacketView view = view_of(packet, {});
    (void)accepted(context, rules, burst, i, view, kWalksBefore);
  });
}

/// One packet through the chains behind tracking.
class Filter {
 public:
  Filter(Context& context, const RuleSet& rules, Tracker& tracker, Burst& burst,
         std::uint64_t local)
      : context_(context), rules_(rules), tracker_(tracker), burst_(burst), local_(local) {}

  void run(unsigned i) {
    Packet& packet = burst_.packets[i];
    if (!packet.has(packet_flag::kFromHost) && !passes(i, packet)) return;
    if (rules_.tracks() && !tracker_.commit(context_, rules_.tracking(), packet, i))
      burst_.drop(i, DropReason::connection_table_full);
  }

 private:
  bool passes(unsigned i, Packet& packet) {
    const bool local = ((local_ >> i) & 1U) != 0;
    if (!rules_.tracks()) {
      PacketView view = view_of(packet, {});
      return accepted(context_, rules_, burst_, i, view, walks(local));
    }
    Passage passage{.traits = rules_.traits_of(packet, local)};
    if (const Passage* known = tracker_.passage(i, passage.traits)) {
      repeat(*known, packet);
      return true;
    }
    PacketView view = view_of(packet, tracker_.fragment_ports(i));
    if (!accepted(context_, rules_, burst_, i, view, walks(local), &passage)) return false;
    passage.rule = packet.rule;
    tracker_.remember(i, packet, passage);
    return true;
  }

  static std::array<Walk, 2> walks(bool local) {
    return {Walk::prerouting, local ? Walk::input : Walk::forward};
  }

  void repeat(const Passage& passage, Packet& packet) {
    const auto bytes = static_cast<std::uint32_t>(packet.end - packet.l3);
    for (std::uint32_t c = 0; c < passage.count; ++c)
      context_.slots->add(passage.counters[c], bytes);
    packet.rule = passage.rule;
  }

  Context& context_;
  const RuleSet& rules_;
  Tracker& tracker_;
  Burst& burst_;
  std::uint64_t local_;
};

bool is_land(const Packet& packet) {
  return packet.key.source == packet.key.destination &&
         packet.key.source_port == packet.key.destination_port;
}

}  // namespace

void early(const RuleSet& rules, Burst& burst, std::uint64_t plain) {
  const bool lists = !rules.early_drop().empty();
  burst.for_each_alive(lists ? ~std::uint64_t{0} : ~plain, [&](unsigned i, const Packet& packet) {
    if (!packet.has(packet_flag::kIp) || packet.has(packet_flag::kFromHost)) return;
    if (lists && rules.drops_early(packet.key.source)) {
      burst.drop(i, DropReason::early_list);
    } else if (is_land(packet)) {
      burst.drop(i, DropReason::land_attack);
    }
  });
}

void track(Context& context, const RuleSet& rules, Tracker& tracker, Burst& burst) {
  if (rules.has_chains(Walk::ingress) || rules.has_chains(Walk::raw))
    filter_untracked(context, rules, burst);
  if (!rules.tracks()) return;
  tracker.use(rules.id());
  tracker.observe(context, rules.tracking(), burst);
}

void filter(Context& context, const RuleSet& rules, Tracker& tracker, Burst& burst,
            std::uint64_t local) {
  if (!rules.has_chains()) return;
  Filter stage(context, rules, tracker, burst, local);
  const std::uint64_t deferred = rules.tracks() ? tracker.deferred() : 0;
  burst.for_each_alive([&](unsigned i, const Packet& packet) {
    const bool now = ((deferred >> i) & 1U) == 0;
    if (now && packet.has(packet_flag::kIp) && !rejected(packet)) stage.run(i);
  });
  if (deferred == 0) return;
  burst.for_each_alive([&](unsigned i, Packet& packet) {
    if (((deferred >> i) & 1U) == 0) return;
    tracker.observe_deferred(context, rules.tracking(), packet, i);
    stage.run(i);
  });
}

}  // namespace sluice::firewall
