/// Reads `chain NAME { type filter hook H priority P; policy accept; RULES }`.
#pragma once

#include "dataplane/firewall/language/rule_parser.hpp"

namespace sluice::firewall {

class ChainParser {
 public:
  ChainParser(TokenStream& tokens, Diagnostics& diagnostics, const std::vector<PortName>& ports)
      : tokens_(tokens),
        diagnostics_(diagnostics),
        values_(tokens, diagnostics, ports),
        rules_(tokens, diagnostics, ports) {}

  /// From behind the word `chain`; the chain is added to the table, or its rules to the chain.
  void parse(TableDeclaration& table);

 private:
  void parse_line(ChainDeclaration& chain, const std::string& family);
  bool parse_hook(ChainDeclaration& chain, const std::string& family);
  bool parse_devices(ChainDeclaration& chain);
  bool parse_priority(ChainDeclaration& chain);
  bool parse_policy(ChainDeclaration& chain);

  TokenStream& tokens_;
  Diagnostics& diagnostics_;
  ValueParser values_;
  RuleParser rules_;
};

}  // namespace sluice::firewall
