#include "dataplane/firewall/language/set_parser.hpp"

#include <algorithm>

namespace sluice::firewall {

void SetParser::parse(std::vector<SetDeclaration>& sets) {
  const Token name = tokens_.peek();
  if (name.kind != TokenKind::word) {
    diagnostics_.error(name.at, "set without a name", "write set NAME { type ipv4_addr; }");
    return tokens_.skip_statement();
  }
  tokens_.take();
  SetDeclaration set;
  set.name = name.text;
  set.at = name.at;
  tokens_.skip_newlines();
  if (!tokens_.take_symbol("{")) {
    diagnostics_.error(tokens_.peek().at, tokens_.shown() + " after the name of the set",
                       "write set " + name.text + " { type ipv4_addr; }");
    return tokens_.skip_statement();
  }
  for (;;) {
    tokens_.skip_separators();
    if (tokens_.take_symbol("}")) break;
    if (tokens_.at_end()) {
      diagnostics_.error(name.at, "set " + name.text + " is not closed", "add the missing }");
      return;
    }
    if (!parse_line(set)) tokens_.skip_statement();
  }
  if (!set.has_type)
    diagnostics_.error(name.at, "set " + name.text + " has no type", "add type ipv4_addr;");
  check_overlaps(set);
  const bool again = std::any_of(sets.begin(), sets.end(),
                                 [&](const SetDeclaration& s) { return s.name == set.name; });
  if (again) diagnostics_.error(name.at, "set " + name.text + " is declared twice", "rename one");
  sets.push_back(std::move(set));
}

bool SetParser::parse_line(SetDeclaration& set) {
  const Token word = tokens_.take();
  if (word.is_word("type")) return parse_type(set);
  if (word.is_word("flags")) return parse_flags(set);
  if (word.is_word("elements")) return parse_elements(set);
  if (word.is_word("auto-merge")) return set.auto_merge = true;
  const bool described = word.is_word("comment") && tokens_.peek().kind == TokenKind::string;
  const bool sized = word.is_word("size") && tokens_.peek().kind == TokenKind::number;
  if (described || sized) {
    tokens_.take();
    return true;
  }
  diagnostics_.error(word.at, "'" + word.text + "' is not supported in a set",
                     "a set has type, flags constant and interval, auto-merge, size and elements");
  return false;
}

bool SetParser::parse_type(SetDeclaration& set) {
  const Token word = tokens_.peek();
  const auto type = set_type(word.text);
  if (word.kind != TokenKind::word || !type) {
    diagnostics_.error(word.at, "sets of type " + tokens_.shown() + " are not supported",
                       "use ipv4_addr, ipv6_addr, inet_service, inet_proto, ifname, icmp_type or "
                       "icmpv6_type");
    set.has_type = true;  // it was said: not another error
    return false;
  }
  tokens_.take();
  set.type = *type;
  set.has_type = true;
  if (tokens_.at_statement_end()) return true;
  diagnostics_.error(tokens_.peek().at, tokens_.shown() + " behind the type of a set",
                     "concatenations are not supported: one type");
  return false;
}

bool SetParser::parse_flags(SetDeclaration& set) {
  do {
    const Token word = tokens_.peek();
    if (word.is_word("interval")) set.interval = true;
    if (!word.is_word("interval") && !word.is_word("constant")) {
      diagnostics_.error(word.at, "sets with flag " + tokens_.shown() + " are not supported",
                         "flags are constant and interval");
      return false;
    }
    tokens_.take();
  } while (tokens_.take_symbol(","));
  return true;
}

bool SetParser::parse_elements(SetDeclaration& set) {
  if (!set.has_type) {
    diagnostics_.error(tokens_.peek().at, "elements before the type of the set",
                       "write type first");
    set.has_type = true;
    return false;
  }
  if (!tokens_.take_symbol("=") || !tokens_.take_symbol("{")) {
    diagnostics_.error(tokens_.peek().at, "elements without = { ... }",
                       "write elements = { A, B }");
    return false;
  }
  for (;;) {
    tokens_.skip_newlines();
    if (tokens_.take_symbol("}")) return true;
    if (!parse_element(set)) {
      // The element's own line was told; the rest of the list is read past.
      while (!tokens_.at_end() && !tokens_.peek().is_symbol("}")) tokens_.take();
      tokens_.take_symbol("}");
      return true;
    }
    tokens_.skip_newlines();
    if (tokens_.take_symbol(",")) continue;
    if (tokens_.take_symbol("}")) return true;
    diagnostics_.error(tokens_.peek().at, tokens_.shown() + " in the elements of a set",
                       "separate elements by commas and close with }");
    return false;
  }
}

bool SetParser::parse_element(SetDeclaration& set) {
  const Position at = tokens_.peek().at;
  const bool nested = tokens_.take_symbol("{");  // a variable that holds a list
  do {
    tokens_.skip_newlines();
    const Position element_at = tokens_.peek().at;
    const auto values = values_.parse_element(set.type);
    if (!values) return false;
    for (const Interval& interval : *values) {
      if (!set.interval && interval.low != interval.high) {
        diagnostics_.error(element_at, "a prefix or range in a set of single values",
                           "add flags interval; to the set");
        return false;
      }
      set.elements.push_back({interval, element_at});
    }
    tokens_.skip_newlines();
    if (tokens_.take_word("comment")) tokens_.take();
  } while (nested && tokens_.take_symbol(","));
  if (!nested || tokens_.take_symbol("}")) return true;
  diagnostics_.error(at, "a list inside the elements is not closed", "add the missing }");
  return false;
}

/// As nft: without auto-merge, different intervals that overlap are a mistake.
void SetParser::check_overlaps(SetDeclaration& set) {
  if (set.auto_merge || !set.interval) return;
  std::vector<SetElement> sorted = set.elements;
  std::sort(sorted.begin(), sorted.end(), [](const SetElement& a, const SetElement& b) {
    return a.values.low != b.values.low ? a.values.low < b.values.low
                                        : a.values.high < b.values.high;
  });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const Interval& before = sorted[i - 1].values;
    if (before == sorted[i].values || before.high < sorted[i].values.low) continue;
    const Position at = std::max(sorted[i - 1].at, sorted[i].at, [](Position a, Position b) {
      return a.line != b.line ? a.line < b.line : a.column < b.column;
    });
    diagnostics_.error(at, "this element of set " + set.name + " overlaps another",
                       "remove one, or add auto-merge; to the set");
    return;
  }
}

}  // namespace sluice::firewall
