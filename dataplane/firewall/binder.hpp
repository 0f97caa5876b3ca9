/// From what documents say to chains: names are resolved, what matches imply is added, and rules
/// become entries that a classifier holds.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataplane/firewall/jump_graph.hpp"
#include "dataplane/firewall/language/diagnostics.hpp"
#include "dataplane/firewall/language/syntax.hpp"
#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/firewall/source.hpp"

namespace sluice::firewall {

/// The address sets of all documents, made once and shared by the rules that name them.
class AddressSets {
 public:
  explicit AddressSets(const std::vector<AddressSetSource>& sources);
  /// The members of one family (ValueType::ipv4_address or ipv6_address); null: no such set.
  [[nodiscard]] std::shared_ptr<const ValueSet> find(const std::string& name, ValueType type) const;
  [[nodiscard]] std::string names() const;

 private:
  struct Members {
    std::shared_ptr<const ValueSet> v4;
    std::shared_ptr<const ValueSet> v6;
  };
  std::map<std::string, Members> sets_;
};

/// Adds the tables of one document to the parts of a rule set.
class Binder {
 public:
  Binder(const std::string& document, const AddressSets& address_sets, SlotRegistry& slots,
         Diagnostics& diagnostics, RuleSet::Parts& parts)
      : document_(document),
        address_sets_(address_sets),
        slots_(slots),
        diagnostics_(diagnostics),
        parts_(parts) {}

  void bind(const TableDeclaration& table);

 private:
  /// A rule on its way to entries: the conditions met so far.
  struct RuleState {
    std::size_t first_entry = 0;  ///< of the rule in its chain
    const Rule* rule = nullptr;
    Conditions conditions;
    std::uint32_t index = 0;  ///< 1 + index of its name
    unsigned counters = 0;    ///< own counters so far
  };
  struct ChainState {
    std::vector<Conditions> entries;
    std::vector<Action> actions;
    std::unordered_map<std::string, unsigned> texts;  ///< equal rules seen
    std::vector<JumpGraph::Jump> jumps;
    std::optional<Position> state_at;  ///< of the first match on the state of connections
    bool closed = false;               ///< a rule takes every packet
  };

  void bind_sets(const TableDeclaration& table);
  void bind_counters(const TableDeclaration& table);
  void bind_chain(const ChainDeclaration& chain);
  void bind_rule(const ChainDeclaration& chain, const Rule& rule, ChainState& state);
  bool bind_statement(const ChainDeclaration& chain, const Statement& statement, RuleState& rule,
                      ChainState& state);
  bool bind_match(const Match& match, Conditions& conditions);
  bool imply_by_reject(const VerdictStatement& verdict, Conditions& conditions,
                       const RuleState& rule, ChainState& state);
  bool bind_verdict(const VerdictStatement& verdict, RuleState& rule, ChainState& state);
  bool bind_map(const VerdictMap& map, RuleState& rule, ChainState& state);
  bool bind_counter(const ChainDeclaration& chain, const CounterStatement& counter, RuleState& rule,
                    ChainState& state);
  bool check_map_keys(const VerdictMap& map);
  bool require(Conditions& conditions, Dimension dimension, std::uint32_t value, Position at);
  bool allow(Conditions& conditions, Dimension dimension, std::shared_ptr<const ValueSet> values);
  std::shared_ptr<const ValueSet> values_of(const Match& match);
  std::shared_ptr<const ValueSet> named_set(const Match& match);
  void note_state(Position at, ChainState& state);
  Slot take_slot(std::string name, bool of_rule, Position at);
  std::uint32_t name_rule(Position at, std::string_view suffix);
  void add_base_chain(const ChainDeclaration& chain, std::uint32_t index);

  const std::string& document_;
  const AddressSets& address_sets_;
  SlotRegistry& slots_;
  Diagnostics& diagnostics_;
  RuleSet::Parts& parts_;

  const TableDeclaration* table_ = nullptr;
  std::uint8_t family_ = 0;  ///< of the table: 4, 6, or 0
  std::unordered_map<std::string, std::uint32_t> chains_;
  std::unordered_map<std::string, std::pair<ValueType, std::shared_ptr<const ValueSet>>> sets_;
  std::unordered_map<const ValueSet*, std::shared_ptr<const ValueSet>> complements_;
  JumpGraph graph_;
  std::size_t first_chain_ = 0;                     ///< of the table, among all
  std::unordered_map<std::string, Slot> counters_;  ///< of the table
  std::unordered_set<std::string> counter_names_;   ///< of the document
};

}  // namespace sluice::firewall
