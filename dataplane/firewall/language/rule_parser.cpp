#include "dataplane/firewall/language/rule_parser.hpp"

namespace sluice::firewall {
namespace {

struct RejectCode {
  std::string_view family;
  std::string_view word;
  std::uint8_t code4;
  std::uint8_t code6;
};

/// RFC 792 and RFC 1812 for IPv4, RFC 4443 for IPv6; icmpx stands for the one of either family.
constexpr std::array kRejectCodes{
    RejectCode{"icmp", "net-unreachable", 0, 0},    RejectCode{"icmp", "host-unreachable", 1, 0},
    RejectCode{"icmp", "prot-unreachable", 2, 0},   RejectCode{"icmp", "port-unreachable", 3, 0},
    RejectCode{"icmp", "net-prohibited", 9, 0},     RejectCode{"icmp", "host-prohibited", 10, 0},
    RejectCode{"icmp", "admin-prohibited", 13, 0},  RejectCode{"icmpv6", "no-route", 0, 0},
    RejectCode{"icmpv6", "admin-prohibited", 0, 1}, RejectCode{"icmpv6", "addr-unreachable", 0, 3},
    RejectCode{"icmpv6", "port-unreachable", 0, 4}, RejectCode{"icmpv6", "policy-fail", 0, 5},
    RejectCode{"icmpv6", "reject-route", 0, 6},     RejectCode{"icmpx", "no-route", 0, 0},
    RejectCode{"icmpx", "port-unreachable", 3, 4},  RejectCode{"icmpx", "host-unreachable", 1, 3},
    RejectCode{"icmpx", "admin-prohibited", 13, 1},
};

}  // namespace

std::optional<Rule> RuleParser::parse() {
  Rule rule;
  rule.at = tokens_.peek().at;
  ended_ = false;
  const std::size_t start = tokens_.mark();
  while (!tokens_.at_statement_end()) {
    if (parse_statement(rule)) continue;
    tokens_.skip_statement();
    return std::nullopt;
  }
  rule.text = tokens_.text_since(start);
  return rule;
}

bool RuleParser::parse_statement(Rule& rule) {
  const Token token = tokens_.peek();
  if (token.kind != TokenKind::word) return refuse(token);
  if (token.text == "comment") return parse_comment(rule);
  if (ended_) {
    diagnostics_.error(token.at, tokens_.shown() + " after the verdict of the rule has no effect",
                       "put it before the verdict");
    return false;
  }
  if (token.text == "counter") return parse_counter(rule);
  if (find_field("", token.text) != nullptr) return parse_field(rule, "");
  if (is_layer(token.text)) {
    tokens_.take();
    return parse_field(rule, token.text);
  }
  const auto verdict = parse_verdict();
  if (!verdict) return false;
  ended_ = true;
  rule.statements.emplace_back(*verdict);
  return true;
}

bool RuleParser::refuse(const Token& token) {
  if (token.kind == TokenKind::word) {
    if (const Refusal* refusal = find_refusal(token.text)) {
      diagnostics_.error(token.at, "'" + token.text + "' is not supported",
                         std::string(refusal->fix));
      return false;
    }
  }
  diagnostics_.error(token.at, tokens_.shown() + " is neither a match nor a statement",
                     "rules are matches such as `tcp dport 22` followed by accept, drop, reject, "
                     "jump, goto or return");
  return false;
}

bool RuleParser::parse_field(Rule& rule, std::string_view layer) {
  const Token name = tokens_.peek();
  const Field* field = name.kind == TokenKind::word ? find_field(layer, name.text) : nullptr;
  if (field == nullptr) {
    diagnostics_.error(name.at, std::string(layer) + " " + tokens_.shown() + " is not supported",
                       "after " + std::string(layer) + " stands one of " + names_in_layer(layer));
    return false;
  }
  tokens_.take();
  if (tokens_.peek().is_word("vmap")) return parse_verdict_map(rule, *field, name.at);
  Match match;
  match.field = field;
  match.at = name.at;
  if (!values_.parse_match(match)) return false;
  rule.statements.emplace_back(std::move(match));
  return true;
}

bool RuleParser::parse_verdict_map(Rule& rule, const Field& field, Position at) {
  VerdictMap map;
  map.at = tokens_.take().at;
  if (!tokens_.take_symbol("{")) {
    diagnostics_.error(tokens_.peek().at, "vmap without { ... }",
                       "write the elements here; named maps are not offered");
    return false;
  }
  for (;;) {
    tokens_.skip_newlines();
    if (tokens_.take_symbol("}")) break;
    VerdictMap::Element element;
    element.key.field = &field;
    element.key.at = at;
    element.key.value_at = tokens_.peek().at;
    auto values = values_.parse_element(field.type);
    if (!values) return false;
    element.key.values = std::move(*values);
    if (!tokens_.take_symbol(":")) {
      diagnostics_.error(tokens_.peek().at, tokens_.shown() + " inside a vmap",
                         "write VALUE : VERDICT");
      return false;
    }
    const auto verdict = parse_verdict();
    if (!verdict) return false;
    element.verdict = *verdict;
    map.elements.push_back(std::move(element));
    tokens_.skip_newlines();
    if (tokens_.take_symbol(",")) continue;
    if (tokens_.take_symbol("}")) break;
    diagnostics_.error(tokens_.peek().at, tokens_.shown() + " inside a vmap",
                       "separate elements by commas and close with }");
    return false;
  }
  ended_ = true;
  rule.statements.emplace_back(std::move(map));
  return true;
}

bool RuleParser::parse_counter(Rule& rule) {
  CounterStatement counter{.name = {}, .at = tokens_.take().at};
  if (tokens_.take_word("name")) {
    const Token& name = tokens_.peek();
    if (name.kind != TokenKind::word && name.kind != TokenKind::string) {
      diagnostics_.error(name.at, "counter name without a name", "write counter name \"NAME\"");
      return false;
    }
    counter.name = tokens_.take().text;
  } else {
    // As `nft list ruleset` prints it. Numbers go on from where they are, not from here.
    for (const std::string_view word : {"packets", "bytes"}) {
      if (!tokens_.take_word(word)) continue;
      if (tokens_.peek().kind == TokenKind::number) {
        tokens_.take();
        continue;
      }
      diagnostics_.error(tokens_.peek().at, tokens_.shown() + " is not a count", "remove it");
      return false;
    }
  }
  rule.statements.emplace_back(std::move(counter));
  return true;
}

bool RuleParser::parse_comment(Rule&) {
  tokens_.take();
  const Token& text = tokens_.peek();
  if (text.kind != TokenKind::string && text.kind != TokenKind::word) {
    diagnostics_.error(text.at, "comment without its text", "write comment \"TEXT\"");
    return false;
  }
  tokens_.take();
  if (tokens_.at_statement_end()) return true;
  diagnostics_.error(tokens_.peek().at, tokens_.shown() + " after the comment",
                     "a comment is the last part of a rule");
  return false;
}

std::optional<VerdictStatement> RuleParser::parse_verdict() {
  constexpr std::array<std::pair<std::string_view, VerdictKind>, 7> kVerdicts{{
      {"accept", VerdictKind::accept},
      {"drop", VerdictKind::drop},
      {"reject", VerdictKind::reject},
      {"jump", VerdictKind::jump},
      {"goto", VerdictKind::go_to},
      {"return", VerdictKind::return_},
      {"continue", VerdictKind::continue_},
  }};
  const Token token = tokens_.peek();
  VerdictStatement verdict;
  verdict.at = token.at;
  const auto* found = std::find_if(kVerdicts.begin(), kVerdicts.end(),
                                   [&](const auto& v) { return token.is_word(v.first); });
  if (found == kVerdicts.end()) {
    refuse(token);
    return std::nullopt;
  }
  tokens_.take();
  verdict.kind = found->second;
  if (verdict.kind == VerdictKind::reject && !parse_reject(verdict)) return std::nullopt;
  if (verdict.kind == VerdictKind::jump || verdict.kind == VerdictKind::go_to) {
    if (tokens_.peek().kind != TokenKind::word) {
      diagnostics_.error(tokens_.peek().at, token.text + " without the name of a chain");
      return std::nullopt;
    }
    verdict.chain = tokens_.take().text;
  }
  return verdict;
}

bool RuleParser::parse_reject(VerdictStatement& verdict) {
  if (!tokens_.take_word("with")) return true;
  if (tokens_.take_word("tcp")) {
    verdict.reject = RejectKind::tcp_reset;
    if (tokens_.take_word("reset")) return true;
    diagnostics_.error(tokens_.peek().at, "reject with tcp " + tokens_.shown(),
                       "write reject with tcp reset");
    return false;
  }
  const Token family = tokens_.peek();
  if (family.is_word("icmp")) verdict.reject = RejectKind::icmp;
  if (family.is_word("icmpv6")) verdict.reject = RejectKind::icmp6;
  if (family.is_word("icmpx")) verdict.reject = RejectKind::either;
  if (family.is_word("icmp") || family.is_word("icmpv6") || family.is_word("icmpx")) {
    tokens_.take();
    tokens_.take_word("type");  // optional in nft too
    return parse_reject_code(verdict, family.text);
  }
  diagnostics_.error(family.at, "reject with " + tokens_.shown(),
                     "write reject with tcp reset, icmp, icmpv6 or icmpx");
  return false;
}

bool RuleParser::parse_reject_code(VerdictStatement& verdict, std::string_view family) {
  std::string known;
  for (const RejectCode& code : kRejectCodes) {
    if (code.family != family) continue;
    if (tokens_.take_word(code.word)) {
      verdict.code4 = code.code4;
      verdict.code6 = code.code6;
      return true;
    }
    known += (known.empty() ? "" : ", ") + std::string(code.word);
  }
  diagnostics_.error(tokens_.peek().at, tokens_.shown() + " is no reason of " + std::string(family),
                     "write one of " + known);
  return false;
}

}  // namespace sluice::firewall
