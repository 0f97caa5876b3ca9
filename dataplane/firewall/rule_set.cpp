#include "dataplane/firewall/rule_set.hpp"

#include <algorithm>
#include <atomic>

namespace sluice::firewall {
namespace {

/// 1 on the intervals of a set, 0 elsewhere.
template <class Key, unsigned kBits>
IntervalMap<Key, kBits> membership(const ValueSet& set, Number largest) {
  using Map = IntervalMap<Key, kBits>;
  std::vector<typename Map::Step> steps;
  if (set.empty() || set.intervals().front().low != 0) steps.push_back({0, 0});
  for (const Interval& interval : set.intervals()) {
    steps.push_back({static_cast<Key>(interval.low), 1});
    if (interval.high < largest) steps.push_back({static_cast<Key>(interval.high + 1), 0});
  }
  return Map(std::move(steps));
}

struct Frame {
  const Chain* chain;
  std::uint32_t next;
  Classifier::Selection selection;
};

void enter(Frame& frame, const Chain& chain, const PacketView& view) {
  frame.chain = &chain;
  frame.next = 0;
  chain.classifier.select(view, frame.selection);
}

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

RuleSet::RuleSet(Parts parts)
    : parts_(std::move(parts)),
      id_(next_id()),
      asks_contents_(asks(Dimension::tcp_flags) || asks(Dimension::icmp_type) ||
                     asks(Dimension::icmp_code) || asks(Dimension::ttl) || asks(Dimension::dscp) ||
                     asks(Dimension::next_header)) {
  std::vector<Interval> v4;
  std::vector<Interval> v6;
  for (const Prefix& prefix : parts_.early_drop)
    (prefix.is_v4() ? v4 : v6).push_back(interval_of(prefix));
  early4_ = membership<std::uint32_t, 32>(ValueSet(std::move(v4)), 0xffffffff);
  early6_ = membership<Number, 128>(ValueSet(std::move(v6)), ~Number{0});
}

bool RuleSet::empty() const {
  return !has_chains() && parts_.early_drop.empty();
}

bool RuleSet::has_chains() const {
  return std::any_of(parts_.walks.begin(), parts_.walks.end(),
                     [](const auto& chains) { return !chains.empty(); });
}

bool RuleSet::drops_early(const IpAddress& source) const {
  return (source.is_v4() ? early4_.find(source.v4_value()) : early6_.find(number_of(source))) != 0;
}

Decision RuleSet::run(Walk walk, const PacketView& view, CounterBlock& slots, std::uint32_t bytes,
                      Passage* passage) const {
  Decision decision;
  for (const BaseChain& base : parts_.walks[static_cast<unsigned>(walk)]) {
    if (base.family != 0 && (base.family == 4) != view.is_v4) continue;
    if (!base.devices.empty() &&
        std::find(base.devices.begin(), base.devices.end(),
                  view.small[index_of(Dimension::in_port)]) == base.devices.end())
      continue;
    const Decision next = run_chain(base, view, slots, bytes, passage);
    if (next.kind != VerdictKind::accept) return next;
    if (next.rule != 0) decision = next;
  }
  return decision;
}

Decision RuleSet::run_chain(const BaseChain& base, const PacketView& view, CounterBlock& slots,
                            std::uint32_t bytes, Passage* passage) const {
  std::array<Frame, kJumpDepthMax + 1> stack;  // filled by enter() as deep as it is used
  unsigned depth = 0;
  enter(stack[0], parts_.chains[base.chain], view);
  for (;;) {
    Frame& frame = stack[depth];
    const Classifier& classifier = frame.chain->classifier;
    const std::uint32_t found = classifier.next(view, frame.selection, frame.next);
    VerdictKind kind = VerdictKind::return_;  // what the end of a chain means
    const Action* action = nullptr;
    if (found < classifier.size()) {
      action = &frame.chain->actions[found];
      kind = action->kind;
      frame.next = found + 1;
      if (action->counter != kNoSlot) {
        slots.add(action->counter, bytes);
        if (passage != nullptr) passage->note(action->counter);
      }
    }
    switch (kind) {
      case VerdictKind::continue_:
        break;
      case VerdictKind::accept:
      case VerdictKind::drop:
      case VerdictKind::reject:
        return {kind, action->rule, action};
      case VerdictKind::jump:
        enter(stack[++depth], parts_.chains[action->chain], view);
        break;
      case VerdictKind::go_to:  // whoever jumped here goes on after the chain gone to
        enter(frame, parts_.chains[action->chain], view);
        break;
      case VerdictKind::return_:
        if (depth == 0)
          return {base.policy_drop ? VerdictKind::drop : VerdictKind::accept,
                  base.policy_drop ? base.policy_rule : 0, nullptr};
        --depth;
        break;
    }
  }
}

std::uint64_t RuleSet::contents_of(const Packet& packet) const {
  std::uint64_t out = 0;
  const auto add = [&](bool asked, std::uint8_t value) { out = out << 8U | (asked ? value : 0U); };
  const bool tcp = packet.key.protocol == ip_protocol::kTcp;
  const bool six = packet.ip_version == 6;
  add(tcp ? asks(Dimension::tcp_flags) : asks(Dimension::icmp_type),
      tcp ? packet.tcp_flags : packet.icmp_type);
  add(!tcp && asks(Dimension::icmp_code), packet.icmp_code);
  add(asks(Dimension::ttl), packet.ttl);
  add(asks(Dimension::dscp), dscp_of(packet));
  add(six && asks(Dimension::next_header), packet.l3_bytes()[6]);
  return out;
}

const std::string& RuleSet::rule_name(std::uint32_t index) const {
  static const std::string kUnknown;
  return index < parts_.rule_names.size() ? parts_.rule_names[index] : kUnknown;
}

}  // namespace sluice::firewall
