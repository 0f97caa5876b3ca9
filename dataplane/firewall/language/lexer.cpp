#include "dataplane/firewall/language/lexer.hpp"

#include <charconv>
#include <unordered_map>

namespace sluice::firewall {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
/// nft's own rule: names may hold dashes, dots and slashes after their first letter.
bool is_name(char c) {
  return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '/';
}
std::string shown(char c) {
  if (c > ' ' && c <= '~') return std::string("'") + c + "'";
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return std::string("byte 0x") + kHex[byte >> 4U] + kHex[byte & 15U];
}

class Lexer {
 public:
  Lexer(std::string_view text, Diagnostics& diagnostics) : text_(text), diagnostics_(diagnostics) {}

  std::vector<Token> run() {
    while (at_ < text_.size() && !diagnostics_.full()) {
      if (tokens_.size() >= kTokensMax) {
        diagnostics_.error(here(), "the rule set is too long", "split it into several documents");
        break;
      }
      next();
    }
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  void next() {
    const char c = text_[at_];
    if (c == '\n') return newline();
    if (c == ' ' || c == '\t' || c == '\r') return advance(1);
    if (c == '#') return advance(std::min(text_.find('\n', at_), text_.size()) - at_);
    if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') return continue_line();
    if (c == '"') return quoted();
    if (c == '@' || c == '$') return prefixed(c);
    if ((is_hex(c) || c == ':') && address()) return;
    if (is_digit(c)) return number();
    if (is_letter(c)) return word();
    symbol();
  }

  Position here() const { return {line_, static_cast<std::uint32_t>(at_ - line_start_ + 1)}; }
  void advance(std::size_t n) { at_ += n; }
  void start_line() {
    ++line_;
    line_start_ = at_;
  }

  Token& add(TokenKind kind, std::string_view spelling) {
    tokens_.push_back({.kind = kind, .text = std::string(spelling), .at = here(), .address = {}});
    return tokens_.back();
  }

  void newline() {
    add(TokenKind::newline, "\n");
    advance(1);
    start_line();
  }
  void continue_line() {
    advance(2);
    start_line();
  }

  template <class Belongs>
  std::string_view run_of(std::size_t from, Belongs belongs) const {
    std::size_t end = from;
    while (end < text_.size() && belongs(text_[end])) ++end;
    return text_.substr(from, end - from);
  }

  void quoted() {
    const std::size_t end = text_.find_first_of("\"\n", at_ + 1);
    if (end == std::string_view::npos || text_[end] == '\n') {
      diagnostics_.error(here(), "a string without its closing quote", "close it on the same line");
      return advance(std::min(end, text_.size()) - at_);
    }
    add(TokenKind::string, text_.substr(at_ + 1, end - at_ - 1));
    advance(end + 1 - at_);
  }

  void prefixed(char sign) {
    const std::string_view name = run_of(at_ + 1, is_name);
    if (name.empty() || !is_letter(name[0])) {
      diagnostics_.error(here(), sign == '@' ? "@ without a name" : "$ without a name",
                         sign == '@' ? "write @NAME of a set" : "write $NAME of a definition");
    } else {
      add(sign == '@' ? TokenKind::set_name : TokenKind::variable, name);
    }
    advance(1 + name.size());
  }

  /// Takes an address if one stands here: dotted decimal, or hexadecimal with two colons or more.
  bool address() {
    std::string_view run = run_of(at_, [](char c) { return is_hex(c) || c == ':' || c == '.'; });
    const auto colons = std::count(run.begin(), run.end(), ':');
    if (colons < 2) run = run_of(at_, [](char c) { return is_digit(c) || c == '.'; });
    if (colons < 2 && std::count(run.begin(), run.end(), '.') != 3) return false;
    const auto parsed = IpAddress::parse(run);
    if (!parsed) return false;
    add(TokenKind::address, run).address = *parsed;
    advance(run.size());
    return true;
  }

  void number() {
    const std::string_view run =
        run_of(at_, [](char c) { return is_letter(c) || is_digit(c) || c == '.'; });
    const bool hex = run.size() > 2 && run[0] == '0' && (run[1] == 'x' || run[1] == 'X');
    const std::string_view digits = hex ? run.substr(2) : run;
    std::uint64_t value = 0;
    const char* const last = digits.data() + digits.size();
    const auto [end, problem] = std::from_chars(digits.data(), last, value, hex ? 16 : 10);
    if (problem != std::errc{} || end != last) {
      diagnostics_.error(here(), "'" + std::string(run) + "' is neither a number nor an address");
    } else {
      add(TokenKind::number, run).number = value;
    }
    advance(run.size());
  }

  void word() {
    const std::string_view run = run_of(at_, is_name);
    add(TokenKind::word, run);
    advance(run.size());
  }

  void symbol() {
    constexpr std::array<std::string_view, 21> kSymbols{"==", "!=", "<=", ">=", "{", "}", "(",
                                                        ")",  ",",  ":",  ";",  "=", "<", ">",
                                                        "&",  "|",  "/",  "-",  "+", "!", "*"};
    for (const std::string_view s : kSymbols) {
      if (text_.substr(at_, s.size()) != s) continue;
      add(TokenKind::symbol, s);
      return advance(s.size());
    }
    diagnostics_.error(here(), shown(text_[at_]) + " means nothing here", "remove it");
    advance(1);
  }

  std::string_view text_;
  Diagnostics& diagnostics_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
};

/// Replaces variables in one walk over the tokens.
class Expander {
 public:
  Expander(std::vector<Token> tokens, Diagnostics& diagnostics)
      : in_(std::move(tokens)), diagnostics_(diagnostics) {}

  std::vector<Token> run() {
    while (in_[at_].kind != TokenKind::end) {
      if (out_.size() > kTokensMax) {
        diagnostics_.error(in_[at_].at, "the rule set is too long with its variables replaced",
                           "use a named set in place of a long variable");
        break;
      }
      if (in_[at_].is_word("define") && at_statement_start()) {
        define();
      } else {
        take(out_);
      }
    }
    out_.push_back(in_.back());
    return std::move(out_);
  }

 private:
  bool at_statement_start() const {
    return out_.empty() || out_.back().kind == TokenKind::newline || out_.back().is_symbol(";") ||
           out_.back().is_symbol("{");
  }

  /// Moves one token to `to`, or the value of a variable.
  void take(std::vector<Token>& to) {
    Token& token = in_[at_++];
    if (token.kind != TokenKind::variable) {
      to.push_back(std::move(token));
      return;
    }
    const auto found = values_.find(token.text);
    if (found == values_.end()) {
      diagnostics_.error(token.at, "no definition of $" + token.text + " before this line",
                         "write define " + token.text + " = VALUE above");
      return;
    }
    for (const Token& part : found->second) {
      to.push_back(part);
      to.back().at = token.at;
    }
  }

  void define() {
    ++at_;
    const Token name = in_[at_];
    if (name.kind != TokenKind::word || !in_[at_ + 1].is_symbol("=")) {
      diagnostics_.error(name.at, "define without a name and =", "write define NAME = VALUE");
      return;
    }
    at_ += 2;
    std::vector<Token> value;
    int depth = 0;
    while (in_[at_].kind != TokenKind::end && value.size() <= kTokensMax) {
      const Token& token = in_[at_];
      if (depth == 0 && (token.kind == TokenKind::newline || token.is_symbol(";"))) break;
      if (token.is_symbol("{")) ++depth;
      if (token.is_symbol("}") && --depth < 0) break;
      take(value);
    }
    if (value.empty()) diagnostics_.error(name.at, "define " + name.text + " has no value");
    if (!values_.emplace(name.text, std::move(value)).second)
      diagnostics_.error(name.at, "$" + name.text + " is defined twice", "rename one of them");
  }

  std::vector<Token> in_;
  Diagnostics& diagnostics_;
  std::vector<Token> out_;
  std::unordered_map<std::string, std::vector<Token>> values_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, Diagnostics& diagnostics) {
  return Lexer(text, diagnostics).run();
}

std::vector<Token> expand_variables(std::vector<Token> tokens, Diagnostics& diagnostics) {
  return Expander(std::move(tokens), diagnostics).run();
}

}  // namespace sluice::firewall
