/// A walk over tokens that keeps to their end.
#pragma once

#include <string>
#include <vector>

#include "dataplane/firewall/language/token.hpp"

namespace sluice::firewall {

class TokenStream {
 public:
  /// The last token has kind end.
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] const Token& peek() const { return tokens_[at_]; }
  [[nodiscard]] bool at_end() const { return peek().kind == TokenKind::end; }
  /// The current token; the walk goes on behind it.
  const Token& take() {
    const Token& token = tokens_[at_];
    if (token.kind != TokenKind::end) ++at_;
    return token;
  }
  bool take_symbol(std::string_view spelling) {
    if (!peek().is_symbol(spelling)) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view spelling) {
    if (!peek().is_word(spelling)) return false;
    ++at_;
    return true;
  }
  void skip_newlines() {
    while (peek().kind == TokenKind::newline) ++at_;
  }
  /// Newlines and semicolons.
  void skip_separators() {
    while (peek().kind == TokenKind::newline || peek().is_symbol(";")) ++at_;
  }
  /// At the end of a statement: newline, ; or } or the end of the text.
  [[nodiscard]] bool at_statement_end() const {
    return peek().kind == TokenKind::newline || peek().is_symbol(";") || peek().is_symbol("}") ||
           at_end();
  }
  /// To the end of the statement; braces opened on the way are closed on the way.
  void skip_statement() {
    int depth = 0;
    while (!at_end() && !(depth == 0 && at_statement_end())) {
      if (peek().is_symbol("{")) ++depth;
      if (peek().is_symbol("}")) --depth;
      ++at_;
    }
  }

  [[nodiscard]] std::size_t mark() const { return at_; }
  /// The tokens from `mark` to here, a blank between them.
  [[nodiscard]] std::string text_since(std::size_t mark) const {
    std::string out;
    for (std::size_t i = mark; i < at_; ++i) {
      if (tokens_[i].kind == TokenKind::newline) continue;
      if (!out.empty()) out += ' ';
      if (tokens_[i].kind == TokenKind::set_name) out += '@';
      out += tokens_[i].text;
    }
    return out;
  }
  /// What stands here, for an error.
  [[nodiscard]] std::string shown() const {
    if (at_end()) return "the end of the text";
    if (peek().kind == TokenKind::newline) return "the end of the line";
    return "'" + (peek().kind == TokenKind::set_name ? "@" + peek().text : peek().text) + "'";
  }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace sluice::firewall
