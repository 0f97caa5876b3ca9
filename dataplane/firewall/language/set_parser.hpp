/// Reads `set NAME { type T; flags interval; elements = { ... } }`.
#pragma once

#include <vector>

#include "dataplane/firewall/language/value_parser.hpp"

namespace sluice::firewall {

class SetParser {
 public:
  SetParser(TokenStream& tokens, Diagnostics& diagnostics, const std::vector<PortName>& ports)
      : tokens_(tokens), diagnostics_(diagnostics), values_(tokens, diagnostics, ports) {}

  /// From behind the word `set`; the set is added to `sets`.
  void parse(std::vector<SetDeclaration>& sets);

 private:
  bool parse_line(SetDeclaration& set);
  bool parse_type(SetDeclaration& set);
  bool parse_flags(SetDeclaration& set);
  bool parse_elements(SetDeclaration& set);
  bool parse_element(SetDeclaration& set);
  void check_overlaps(SetDeclaration& set);

  TokenStream& tokens_;
  Diagnostics& diagnostics_;
  ValueParser values_;
};

}  // namespace sluice::firewall
