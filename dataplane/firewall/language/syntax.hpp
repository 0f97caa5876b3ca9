/// What a document says, as read: tables of sets, counters and chains of rules.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "dataplane/firewall/language/field.hpp"
#include "dataplane/firewall/language/token.hpp"

namespace sluice::firewall {

/// `FIELD VALUES`: true if the field is there and its value among them.
struct Match {
  const Field* field = nullptr;
  bool negated = false;  ///< of a field that is there
  std::vector<Interval> values;
  std::string set;  ///< of @NAME; values is empty then
  Position at;      ///< of the field
  Position value_at;
};

enum class VerdictKind : std::uint8_t {
  accept,
  drop,
  reject,
  jump,
  go_to,
  return_,
  continue_,
};

enum class RejectKind : std::uint8_t { tcp_reset, icmp, icmp6, either };

struct VerdictStatement {
  VerdictKind kind = VerdictKind::accept;
  std::string chain;  ///< of jump and goto
  RejectKind reject = RejectKind::either;
  std::uint8_t code4 = 3;  ///< of destination unreachable in IPv4 (RFC 792); default: port
  std::uint8_t code6 = 4;  ///< and in IPv6 (RFC 4443); default: port
  Position at;
};

/// `FIELD vmap { VALUES : VERDICT, ... }`
struct VerdictMap {
  struct Element {
    Match key;
    VerdictStatement verdict;
  };
  std::vector<Element> elements;
  Position at;
};

struct CounterStatement {
  std::string name;  ///< empty: the rule's own
  Position at;
};

using Statement = std::variant<Match, VerdictStatement, VerdictMap, CounterStatement>;

struct Rule {
  std::vector<Statement> statements;
  std::string text;  ///< its words, a blank between them
  Position at;
};

struct SetElement {
  Interval values;
  Position at;
};

struct SetDeclaration {
  std::string name;
  ValueType type = ValueType::number;
  bool has_type = false;
  bool interval = false;
  bool auto_merge = false;
  std::vector<SetElement> elements;
  Position at;
};

struct CounterDeclaration {
  std::string name;
  Position at;
};

enum class Hook : std::uint8_t { none, ingress, prerouting, input, forward };
inline constexpr unsigned kHooks = 5;
/// Chains of lower priority at hook prerouting come before connection tracking, as in the kernel.
inline constexpr int kTrackingPriority = -200;

struct ChainDeclaration {
  std::string name;
  Hook hook = Hook::none;  ///< none: reached by jump and goto only
  int priority = 0;
  bool policy_drop = false;
  Position policy_at;
  std::vector<Interval> devices;  ///< of an ingress chain; empty: all
  std::vector<Rule> rules;
  Position at;

  /// No packet has a connection yet when it comes here.
  [[nodiscard]] bool precedes_tracking() const {
    return hook == Hook::ingress || (hook == Hook::prerouting && priority < kTrackingPriority);
  }
};

struct TableDeclaration {
  std::string family;  ///< inet, ip, ip6, netdev
  std::string name;
  std::vector<SetDeclaration> sets;
  std::vector<CounterDeclaration> counters;
  std::vector<ChainDeclaration> chains;
  Position at;
};

}  // namespace sluice::firewall
