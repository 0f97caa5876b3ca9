#include "dataplane/firewall/language/parser.hpp"

#include <algorithm>

#include "dataplane/firewall/language/chain_parser.hpp"
#include "dataplane/firewall/language/lexer.hpp"
#include "dataplane/firewall/language/set_parser.hpp"

namespace sluice::firewall {
namespace {

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::vector<PortName>& ports, Diagnostics& diagnostics)
      : tokens_(std::move(tokens)), diagnostics_(diagnostics), ports_(ports) {}

  std::vector<TableDeclaration> run() {
    for (;;) {
      tokens_.skip_separators();
      if (tokens_.at_end() || diagnostics_.full()) return std::move(tables_);
      if (tokens_.peek().is_symbol("}")) {
        diagnostics_.error(tokens_.peek().at, "a } without its {", "remove it");
        tokens_.take();
      } else {
        parse_command();
      }
    }
  }

 private:
  void parse_command() {
    const Token word = tokens_.peek();
    if (word.is_word("table")) {
      tokens_.take();
      return parse_table();
    }
    if (word.is_word("flush")) {
      tokens_.take();
      // A document always replaces itself as a whole, which is what this line asks for.
      if (tokens_.take_word("ruleset") && tokens_.at_statement_end()) return;
    }
    diagnostics_.error(word.at, "'" + word.text + "' does not begin a table",
                       "write everything inside table inet NAME { ... }; only `define` and "
                       "`flush ruleset` may stand outside");
    tokens_.skip_statement();
  }

  void parse_table() {
    std::string family = "ip";  // nft's default
    for (const std::string_view word : {"inet", "ip", "ip6", "netdev"})
      if (tokens_.take_word(word)) family = word;
    const Token name = tokens_.peek();
    if (name.is_word("arp") || name.is_word("bridge")) {
      diagnostics_.error(name.at, "tables of family " + name.text + " are not supported",
                         "use inet, ip, ip6 or netdev");
      return tokens_.skip_statement();
    }
    if (name.kind != TokenKind::word) {
      diagnostics_.error(name.at, "table without a name", "write table inet NAME { ... }");
      return tokens_.skip_statement();
    }
    tokens_.take();
    TableDeclaration& table = table_of(family, name);
    if (tokens_.at_statement_end()) return;  // `table inet NAME` declares an empty one
    if (!tokens_.take_symbol("{")) {
      diagnostics_.error(tokens_.peek().at, tokens_.shown() + " after the name of the table",
                         "write table " + family + " " + name.text + " { ... }");
      return tokens_.skip_statement();
    }
    parse_table_body(table);
  }

  TableDeclaration& table_of(const std::string& family, const Token& name) {
    for (TableDeclaration& table : tables_)
      if (table.family == family && table.name == name.text) return table;
    tables_.push_back({.family = family,
                       .name = name.text,
                       .sets = {},
                       .counters = {},
                       .chains = {},
                       .at = name.at});
    return tables_.back();
  }

  void parse_table_body(TableDeclaration& table) {
    for (;;) {
      tokens_.skip_separators();
      if (tokens_.take_symbol("}") || diagnostics_.full()) return;
      const Token word = tokens_.peek();
      if (tokens_.at_end()) {
        diagnostics_.error(word.at, "table " + table.name + " is not closed", "add the missing }");
        return;
      }
      tokens_.take();
      if (word.is_word("set")) {
        SetParser(tokens_, diagnostics_, ports_).parse(table.sets);
      } else if (word.is_word("counter")) {
        parse_counter(table);
      } else if (word.is_word("chain")) {
        ChainParser(tokens_, diagnostics_, ports_).parse(table);
      } else if (word.is_word("comment") && tokens_.peek().kind == TokenKind::string) {
        tokens_.take();
      } else {
        refuse(word);
      }
    }
  }

  void refuse(const Token& word) {
    diagnostics_.error(word.at, "'" + word.text + "' is not supported in a table",
                       "a table holds set, counter and chain blocks");
    tokens_.skip_statement();
  }

  void parse_counter(TableDeclaration& table) {
    const Token name = tokens_.peek();
    if (name.kind != TokenKind::word && name.kind != TokenKind::string) {
      diagnostics_.error(name.at, "counter without a name", "write counter NAME { }");
      return tokens_.skip_statement();
    }
    tokens_.take();
    const bool again =
        std::any_of(table.counters.begin(), table.counters.end(),
                    [&](const CounterDeclaration& counter) { return counter.name == name.text; });
    if (again)
      diagnostics_.error(name.at, "counter " + name.text + " is declared twice", "remove one");
    table.counters.push_back({name.text, name.at});
    if (tokens_.at_statement_end()) return;
    if (!tokens_.take_symbol("{")) {
      diagnostics_.error(tokens_.peek().at, tokens_.shown() + " after the name of the counter",
                         "write counter NAME { }");
      return tokens_.skip_statement();
    }
    parse_counter_body();
  }

  /// `packets 0 bytes 0` as nft prints it, and a comment.
  void parse_counter_body() {
    for (;;) {
      tokens_.skip_separators();
      if (tokens_.take_symbol("}") || tokens_.at_end()) return;
      const Token word = tokens_.take();
      const bool number = word.is_word("packets") || word.is_word("bytes");
      const TokenKind wanted = number ? TokenKind::number : TokenKind::string;
      if ((number || word.is_word("comment")) && tokens_.peek().kind == wanted) {
        tokens_.take();
        continue;
      }
      diagnostics_.error(word.at, "'" + word.text + "' is not supported in a counter", "remove it");
      tokens_.skip_statement();
    }
  }

  TokenStream tokens_;
  Diagnostics& diagnostics_;
  const std::vector<PortName>& ports_;
  std::vector<TableDeclaration> tables_;
};

}  // namespace

std::vector<TableDeclaration> parse_rules(std::string_view text, const std::vector<PortName>& ports,
                                          Diagnostics& diagnostics) {
  auto tokens = expand_variables(tokenize(text, diagnostics), diagnostics);
  return Parser(std::move(tokens), ports, diagnostics).run();
}

}  // namespace sluice::firewall
