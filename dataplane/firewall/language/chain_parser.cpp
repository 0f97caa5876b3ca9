#include "dataplane/firewall/language/chain_parser.hpp"

#include <algorithm>

namespace sluice::firewall {
namespace {

ChainDeclaration& chain_of(TableDeclaration& table, const Token& name) {
  const auto found =
      std::find_if(table.chains.begin(), table.chains.end(),
                   [&](const ChainDeclaration& chain) { return chain.name == name.text; });
  if (found != table.chains.end()) return *found;
  table.chains.push_back({});
  table.chains.back().name = name.text;
  table.chains.back().at = name.at;
  return table.chains.back();
}

}  // namespace

void ChainParser::parse(TableDeclaration& table) {
  const Token name = tokens_.peek();
  if (name.kind != TokenKind::word) {
    diagnostics_.error(name.at, "chain without a name", "write chain NAME { ... }");
    return tokens_.skip_statement();
  }
  tokens_.take();
  ChainDeclaration& chain = chain_of(table, name);
  if (tokens_.at_statement_end()) return;
  if (!tokens_.take_symbol("{")) {
    diagnostics_.error(tokens_.peek().at, tokens_.shown() + " after the name of the chain",
                       "write chain " + name.text + " { ... }");
    return tokens_.skip_statement();
  }
  for (;;) {
    tokens_.skip_separators();
    if (tokens_.take_symbol("}") || diagnostics_.full()) return;
    if (tokens_.at_end()) {
      diagnostics_.error(name.at, "chain " + name.text + " is not closed", "add the missing }");
      return;
    }
    parse_line(chain, table.family);
  }
}

void ChainParser::parse_line(ChainDeclaration& chain, const std::string& family) {
  const Token word = tokens_.peek();
  if (word.is_word("type")) {
    tokens_.take();
    if (!parse_hook(chain, family)) tokens_.skip_statement();
  } else if (word.is_word("policy")) {
    tokens_.take();
    if (!parse_policy(chain)) tokens_.skip_statement();
  } else if (auto rule = rules_.parse()) {
    if (!rule->statements.empty()) chain.rules.push_back(std::move(*rule));
  }
}

bool ChainParser::parse_hook(ChainDeclaration& chain, const std::string& family) {
  if (!tokens_.take_word("filter")) {
    diagnostics_.error(tokens_.peek().at,
                       "chains of type " + tokens_.shown() + " are not supported",
                       "use type filter; addresses are translated by Service documents");
    return false;
  }
  if (!tokens_.take_word("hook")) {
    diagnostics_.error(tokens_.peek().at, "a chain's type without its hook",
                       "write type filter hook forward priority filter;");
    return false;
  }
  constexpr std::array<std::pair<std::string_view, Hook>, 4> kNames{
      {{"ingress", Hook::ingress},
       {"prerouting", Hook::prerouting},
       {"input", Hook::input},
       {"forward", Hook::forward}}};
  const Token name = tokens_.peek();
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [&](const auto& hook) { return name.is_word(hook.first); });
  const bool only_ingress = family == "netdev";
  const bool no_ingress = family == "ip" || family == "ip6";
  const bool is_ingress = found != kNames.end() && found->second == Hook::ingress;
  if (found == kNames.end() || (only_ingress && !is_ingress) || (no_ingress && is_ingress)) {
    diagnostics_.error(name.at, "hook " + tokens_.shown() + " is not supported in family " + family,
                       only_ingress ? "use ingress"
                       : no_ingress ? "use prerouting, input or forward"
                                    : "use ingress, prerouting, input or forward");
    return false;
  }
  tokens_.take();
  if (chain.hook != Hook::none && chain.hook != found->second) {
    diagnostics_.error(name.at, "chain " + chain.name + " already has another hook",
                       "give the second chain another name");
    return false;
  }
  chain.hook = found->second;
  if (is_ingress && !parse_devices(chain)) return false;
  return parse_priority(chain);
}

/// `device "wan"` or `devices = { "wan", "lan" }`; without either the chain sees all ports.
bool ChainParser::parse_devices(ChainDeclaration& chain) {
  const auto take_one = [&] {
    const auto values = values_.parse_element(ValueType::interface);
    if (values) chain.devices.insert(chain.devices.end(), values->begin(), values->end());
    return values.has_value();
  };
  if (tokens_.take_word("device")) return take_one();
  if (!tokens_.take_word("devices")) return true;
  if (!tokens_.take_symbol("=") || !tokens_.take_symbol("{")) {
    diagnostics_.error(tokens_.peek().at, "devices without = { ... }",
                       "write devices = { \"wan\", \"lan\" }");
    return false;
  }
  do {
    tokens_.skip_newlines();
    if (!take_one()) return false;
    tokens_.skip_newlines();
  } while (tokens_.take_symbol(","));
  if (tokens_.take_symbol("}")) return true;
  diagnostics_.error(tokens_.peek().at, tokens_.shown() + " in a list of devices", "close it");
  return false;
}

bool ChainParser::parse_priority(ChainDeclaration& chain) {
  constexpr std::array<std::pair<std::string_view, int>, 6> kPriorities{{{"raw", -300},
                                                                         {"mangle", -150},
                                                                         {"dstnat", -100},
                                                                         {"filter", 0},
                                                                         {"security", 50},
                                                                         {"srcnat", 100}}};
  const Position at = tokens_.peek().at;
  const auto wrong = [&] {
    diagnostics_.error(at, "a hook without its priority",
                       "write priority filter; or a number such as priority -10;");
    return false;
  };
  if (!tokens_.take_word("priority")) return wrong();
  std::int64_t priority = 0;
  bool named = false;
  for (const auto& [name, value] : kPriorities) {
    if (!tokens_.take_word(name)) continue;
    named = true;
    priority = value;
  }
  const bool minus = tokens_.take_symbol("-");
  const bool plus = !minus && tokens_.take_symbol("+");
  const bool number = tokens_.peek().kind == TokenKind::number;
  if (number != (minus || plus || !named)) return wrong();
  if (number) {
    const auto offset =
        static_cast<std::int64_t>(std::min<std::uint64_t>(tokens_.take().number, 1'000'000'000));
    priority += minus ? -offset : offset;
  }
  chain.priority = static_cast<int>(priority);
  if (tokens_.at_statement_end()) return true;
  diagnostics_.error(tokens_.peek().at, tokens_.shown() + " after the priority", "remove it");
  return false;
}

bool ChainParser::parse_policy(ChainDeclaration& chain) {
  const Token word = tokens_.peek();
  chain.policy_at = word.at;
  if (chain.hook == Hook::none) {
    diagnostics_.error(word.at, "a policy in a chain without a hook",
                       "end the chain with a rule that says accept or drop");
    return false;
  }
  if (tokens_.take_word("drop")) return chain.policy_drop = true;
  if (tokens_.take_word("accept")) return true;
  diagnostics_.error(word.at, "policy " + tokens_.shown() + " is not supported",
                     "write policy accept; or policy drop;");
  return false;
}

}  // namespace sluice::firewall
