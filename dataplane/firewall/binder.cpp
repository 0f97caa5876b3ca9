#include "dataplane/firewall/binder.hpp"

#include <algorithm>

namespace sluice::firewall {
namespace {

std::shared_ptr<const ValueSet> shared(ValueSet set) {
  return std::make_shared<const ValueSet>(std::move(set));
}

bool unconditional(const Conditions& conditions) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [](const auto& values) { return values == nullptr; });
}

Walk walk_of(const ChainDeclaration& chain) {
  switch (chain.hook) {
    case Hook::ingress:
      return Walk::ingress;
    case Hook::prerouting:
      return chain.precedes_tracking() ? Walk::raw : Walk::prerouting;
    case Hook::input:
      return Walk::input;
    default:
      return Walk::forward;
  }
}

bool ends(VerdictKind kind) {
  return kind != VerdictKind::continue_ && kind != VerdictKind::jump;
}

}  // namespace

AddressSets::AddressSets(const std::vector<AddressSetSource>& sources) {
  for (const AddressSetSource& source : sources) {
    std::vector<Interval> v4;
    std::vector<Interval> v6;
    for (const Prefix& prefix : source.prefixes)
      (prefix.is_v4() ? v4 : v6).push_back(interval_of(prefix));
    sets_[source.name] = {shared(ValueSet(std::move(v4))), shared(ValueSet(std::move(v6)))};
  }
}

std::shared_ptr<const ValueSet> AddressSets::find(const std::string& name, ValueType type) const {
  const auto found = sets_.find(name);
  if (found == sets_.end()) return nullptr;
  if (type == ValueType::ipv4_address) return found->second.v4;
  return type == ValueType::ipv6_address ? found->second.v6 : nullptr;
}

std::string AddressSets::names() const {
  std::string out;
  for (const auto& [name, members] : sets_) out += (out.empty() ? "" : ", ") + name;
  return out;
}

void Binder::bind(const TableDeclaration& table) {
  table_ = &table;
  family_ = table.family == "ip" ? 4 : table.family == "ip6" ? 6 : 0;
  chains_.clear();
  bind_sets(table);
  bind_counters(table);
  for (const ChainDeclaration& chain : table.chains) {
    chains_.emplace(chain.name, static_cast<std::uint32_t>(parts_.chains.size()));
    parts_.chains.emplace_back();
  }
  graph_ = JumpGraph(table.chains.size());
  first_chain_ = parts_.chains.size() - table.chains.size();
  for (const ChainDeclaration& chain : table.chains) bind_chain(chain);
  graph_.check(table, diagnostics_);
}

void Binder::note_state(Position at, ChainState& state) {
  parts_.tracks = true;
  if (!state.state_at) state.state_at = at;
}

void Binder::bind_sets(const TableDeclaration& table) {
  sets_.clear();
  complements_.clear();
  for (const SetDeclaration& set : table.sets) {
    std::vector<Interval> intervals;
    intervals.reserve(set.elements.size());
    for (const SetElement& element : set.elements) intervals.push_back(element.values);
    sets_.emplace(set.name, std::pair{set.type, shared(ValueSet(std::move(intervals)))});
  }
}

void Binder::bind_counters(const TableDeclaration& table) {
  counters_.clear();
  for (const CounterDeclaration& counter : table.counters) {
    std::string name = counter.name;
    if (!counter_names_.insert(name).second) name.insert(0, table.family + " " + table.name + " ");
    counters_.emplace(counter.name, take_slot(std::move(name), false, counter.at));
  }
}

Slot Binder::take_slot(std::string name, bool of_rule, Position at) {
  const std::string_view kind = of_rule ? "/rule/" : "/counter/";
  const Slot slot = slots_.slot_of("firewall/" + document_ + std::string(kind) + name);
  if (slot == kNoSlot)
    diagnostics_.warning(at, "no slot is left for counter " + name,
                         "raise the number of named counters of the node");
  parts_.counters.push_back({document_, std::move(name), of_rule, slot});
  return slot;
}

std::uint32_t Binder::name_rule(Position at, std::string_view suffix) {
  parts_.rule_names.push_back(document_ + ":" + std::to_string(at.line) + std::string(suffix));
  return static_cast<std::uint32_t>(parts_.rule_names.size());
}

void Binder::bind_chain(const ChainDeclaration& chain) {
  const std::uint32_t index = chains_.at(chain.name);
  ChainState state;
  for (const Rule& rule : chain.rules) {
    if (diagnostics_.full()) return;
    if (state.closed)
      diagnostics_.warning(rule.at, "no packet reaches this rule of chain " + chain.name,
                           "an earlier rule without matches takes them all");
    bind_rule(chain, rule, state);
  }
  for (const Conditions& conditions : state.entries)
    for (unsigned d = 0; d < kDimensions; ++d)
      if (conditions[d] != nullptr) parts_.asked |= 1U << d;
  graph_.set(index - first_chain_, {std::move(state.jumps), state.state_at});
  auto classifier = Classifier::build(state.entries);
  if (classifier) {
    parts_.chains[index].classifier = std::move(*classifier);
    parts_.chains[index].actions = std::move(state.actions);
  } else {
    diagnostics_.error(chain.at, classifier.error().what, classifier.error().fix);
  }
  if (chain.hook != Hook::none) add_base_chain(chain, index);
}

void Binder::add_base_chain(const ChainDeclaration& chain, std::uint32_t index) {
  BaseChain base;
  base.chain = index;
  base.family = family_;
  base.policy_drop = chain.policy_drop;
  if (chain.policy_drop) base.policy_rule = name_rule(chain.policy_at, " policy");
  base.priority = chain.priority;
  for (const Interval& device : chain.devices)
    base.devices.push_back(static_cast<PortId>(device.low));
  parts_.walks[static_cast<unsigned>(walk_of(chain))].push_back(std::move(base));
}

void Binder::bind_rule(const ChainDeclaration& chain, const Rule& rule, ChainState& state) {
  RuleState bound;
  bound.rule = &rule;
  bound.first_entry = state.entries.size();
  bound.index = name_rule(rule.at, "");
  ++state.texts[rule.text];
  for (const Statement& statement : rule.statements)
    if (!bind_statement(chain, statement, bound, state)) return;
  const bool never =
      std::any_of(bound.conditions.begin(), bound.conditions.end(),
                  [](const auto& values) { return values != nullptr && values->empty(); });
  if (never) diagnostics_.warning(rule.at, "no packet meets all matches of this rule", "remove it");
}

bool Binder::bind_statement(const ChainDeclaration& chain, const Statement& statement,
                            RuleState& rule, ChainState& state) {
  if (const auto* match = std::get_if<Match>(&statement)) {
    if (match->field->dimension == Dimension::state) note_state(match->at, state);
    return bind_match(*match, rule.conditions);
  }
  if (const auto* counter = std::get_if<CounterStatement>(&statement))
    return bind_counter(chain, *counter, rule, state);
  if (const auto* map = std::get_if<VerdictMap>(&statement)) return bind_map(*map, rule, state);
  return bind_verdict(std::get<VerdictStatement>(statement), rule, state);
}

/// Narrows a dimension to values. Sets are copied only where two meet.
bool Binder::allow(Conditions& conditions, Dimension dimension,
                   std::shared_ptr<const ValueSet> values) {
  auto& held = conditions[index_of(dimension)];
  held = held == nullptr ? std::move(values) : shared(held->intersection(*values));
  return !held->empty();
}

/// Narrows the protocol or family to what a match implies, or tells the contradiction.
bool Binder::require(Conditions& conditions, Dimension dimension, std::uint32_t value,
                     Position at) {
  const bool family = dimension == Dimension::family;
  const bool table_agrees = !family || family_ == 0 || family_ == value;
  if (table_agrees && allow(conditions, dimension, shared(ValueSet({{value, value}})))) return true;
  diagnostics_.error(
      at,
      family ? "this is for packets of IPv" + std::to_string(value) + ", which do not come here"
             : "this is for packets of another protocol than the rule has named",
      family ? "use a table of family inet, or take it out of this rule"
             : "write one rule for each protocol");
  return false;
}

bool Binder::bind_match(const Match& match, Conditions& conditions) {
  const Field& field = *match.field;
  if (field.family != 0 && !require(conditions, Dimension::family, field.family, match.at))
    return false;
  if (field.protocol != 0 && !require(conditions, Dimension::protocol, field.protocol, match.at))
    return false;
  if (field.needs_ports) {
    const auto& protocol = conditions[index_of(Dimension::protocol)];
    const ValueSet with_ports(
        {{ip_protocol::kTcp, ip_protocol::kTcp}, {ip_protocol::kUdp, ip_protocol::kUdp}});
    if (protocol == nullptr || protocol->intersection(with_ports) != *protocol) {
      diagnostics_.error(match.at, "th ports of a packet that may have none",
                         "write meta l4proto { tcp, udp } before it");
      return false;
    }
  }
  auto values = values_of(match);
  if (values == nullptr) return false;
  allow(conditions, field.dimension, std::move(values));
  return true;
}

std::shared_ptr<const ValueSet> Binder::values_of(const Match& match) {
  auto values = match.set.empty() ? shared(ValueSet(match.values)) : named_set(match);
  if (values == nullptr || !match.negated) return values;
  const Number largest = largest_of(match.field->dimension);
  if (match.set.empty()) return shared(values->complement(largest));
  auto& complement = complements_[values.get()];  // a set has one type, so one largest number
  if (complement == nullptr) complement = shared(values->complement(largest));
  return complement;
}

std::shared_ptr<const ValueSet> Binder::named_set(const Match& match) {
  const ValueType type = match.field->type;
  const auto found = sets_.find(match.set);
  if (found != sets_.end()) {
    if (found->second.first == type) return found->second.second;
    diagnostics_.error(match.value_at,
                       "set " + match.set + " holds " + std::string(describe(found->second.first)) +
                           " each, this match takes " + std::string(describe(type)),
                       "use a set of another type");
    return nullptr;
  }
  if (auto values = address_sets_.find(match.set, type)) return values;
  const std::string known = address_sets_.names();
  diagnostics_.error(match.value_at, "no set @" + match.set + " for " + std::string(describe(type)),
                     known.empty() ? "declare it in the table or as an AddressSet document"
                                   : "AddressSet documents are " + known);
  return nullptr;
}

bool Binder::bind_counter(const ChainDeclaration& chain, const CounterStatement& counter,
                          RuleState& rule, ChainState& state) {
  Action action{.rule = rule.index};
  if (counter.name.empty()) {
    // Named by the rule's words, so that it counts on when other rules come and go.
    std::string name = table_->name + " " + chain.name + ": " + rule.rule->text;
    const unsigned equal = state.texts[rule.rule->text];
    if (equal > 1) name += " #" + std::to_string(equal);
    if (++rule.counters > 1) name += " counter " + std::to_string(rule.counters);
    action.counter = take_slot(std::move(name), true, counter.at);
  } else {
    const auto found = counters_.find(counter.name);
    if (found == counters_.end()) {
      diagnostics_.error(counter.at, "no counter " + counter.name + " in table " + table_->name,
                         "add counter " + counter.name + " { } to the table");
      return false;
    }
    action.counter = found->second;
  }
  state.entries.push_back(rule.conditions);
  state.actions.push_back(action);
  return true;
}

/// As nft does: where a reject is possible for some packets only, the whole rule is for those,
/// unless its own matches say so where they stand.
bool Binder::imply_by_reject(const VerdictStatement& verdict, Conditions& conditions,
                             const RuleState& rule, ChainState& state) {
  const bool tcp = verdict.reject == RejectKind::tcp_reset;
  if (!tcp && verdict.reject == RejectKind::either) return true;
  const Dimension dimension = tcp ? Dimension::protocol : Dimension::family;
  const std::uint32_t value = tcp ? ip_protocol::kTcp : verdict.reject == RejectKind::icmp ? 4 : 6;
  const auto& held = conditions[index_of(dimension)];
  const bool said = held != nullptr && *held == ValueSet({{value, value}});
  if (said) return true;
  if (!require(conditions, dimension, value, verdict.at)) return false;
  for (std::size_t i = rule.first_entry; i < state.entries.size(); ++i)
    allow(state.entries[i], dimension, shared(ValueSet({{value, value}})));
  return true;
}

bool Binder::bind_verdict(const VerdictStatement& verdict, RuleState& rule, ChainState& state) {
  Conditions conditions = rule.conditions;
  Action action{.kind = verdict.kind, .rule = rule.index};
  if (verdict.kind == VerdictKind::jump || verdict.kind == VerdictKind::go_to) {
    const auto target = chains_.find(verdict.chain);
    if (target == chains_.end()) {
      diagnostics_.error(verdict.at, "no chain " + verdict.chain + " in table " + table_->name,
                         "declare chain " + verdict.chain + " { ... }");
      return false;
    }
    action.chain = target->second;
    state.jumps.push_back({action.chain - first_chain_, verdict.at});
  }
  if (verdict.kind == VerdictKind::reject) {
    action.tcp_reset = verdict.reject == RejectKind::tcp_reset;
    action.code4 = verdict.code4;
    action.code6 = verdict.code6;
    if (!imply_by_reject(verdict, conditions, rule, state)) return false;
  }
  const auto& states = conditions[index_of(Dimension::state)];
  constexpr auto kInvalid = static_cast<Number>(ConnectionState::invalid);
  action.on_invalid = states != nullptr && *states == ValueSet({{kInvalid, kInvalid}});
  if (ends(verdict.kind) && unconditional(conditions)) state.closed = true;
  state.entries.push_back(std::move(conditions));
  state.actions.push_back(action);
  return true;
}

bool Binder::check_map_keys(const VerdictMap& map) {
  std::vector<std::pair<Interval, Position>> keys;
  for (const VerdictMap::Element& element : map.elements)
    for (const Interval& interval : element.key.values)
      keys.emplace_back(interval, element.key.value_at);
  std::sort(keys.begin(), keys.end(),
            [](const auto& a, const auto& b) { return a.first.low < b.first.low; });
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (keys[i - 1].first.high < keys[i].first.low) continue;
    diagnostics_.error(keys[i].second, "this value of the vmap is in another element too",
                       "give each value one verdict");
    return false;
  }
  return true;
}

/// One entry an element: their values are disjoint, so at most one is met.
bool Binder::bind_map(const VerdictMap& map, RuleState& rule, ChainState& state) {
  if (!check_map_keys(map)) return false;
  for (const VerdictMap::Element& element : map.elements) {
    RuleState part = rule;
    if (element.key.field->dimension == Dimension::state) note_state(element.key.at, state);
    if (!bind_match(element.key, part.conditions)) return false;
    if (!bind_verdict(element.verdict, part, state)) return false;
  }
  return true;
}

}  // namespace sluice::firewall
