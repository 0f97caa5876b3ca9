/// Reads one rule: matches, counters and a verdict.
#pragma once

#include <optional>

#include "dataplane/firewall/language/value_parser.hpp"

namespace sluice::firewall {

class RuleParser {
 public:
  RuleParser(TokenStream& tokens, Diagnostics& diagnostics, const std::vector<PortName>& ports)
      : tokens_(tokens), diagnostics_(diagnostics), values_(tokens, diagnostics, ports) {}

  /// From the first word of a rule to its end. Nothing: a mistake was told, the rule is skipped.
  [[nodiscard]] std::optional<Rule> parse();

 private:
  bool parse_statement(Rule& rule);
  bool parse_field(Rule& rule, std::string_view layer);
  bool parse_verdict_map(Rule& rule, const Field& field, Position at);
  bool parse_counter(Rule& rule);
  bool parse_comment(Rule& rule);
  std::optional<VerdictStatement> parse_verdict();
  bool parse_reject(VerdictStatement& verdict);
  bool parse_reject_code(VerdictStatement& verdict, std::string_view family);
  bool refuse(const Token& token);

  TokenStream& tokens_;
  Diagnostics& diagnostics_;
  ValueParser values_;
  bool ended_ = false;  ///< a verdict was read: only a comment may follow
};

}  // namespace sluice::firewall
