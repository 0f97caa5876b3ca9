#include "dataplane/dns/zone/lexer.hpp"

namespace sluice::dns {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/// What ends an unquoted token.
bool ends_token(char c) {
  return is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"';
}

}  // namespace

Result<Entry> Lexer::next() {
  while (at_ < text_.size()) {
    auto entry = read_entry();
    if (!entry || !entry->tokens.empty()) return entry;
  }
  return Entry{};
}

Result<Entry> Lexer::read_entry() {
  Entry entry;
  entry.line = line_;
  entry.blank_owner = is_blank(text_[at_]);
  std::uint32_t opened = 0;  // line of the open parenthesis, 0 if none is open
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '\n') {
      ++at_;
      ++line_;
      if (opened == 0) return entry;
    } else if (is_blank(c)) {
      ++at_;
    } else if (c == ';') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == '(' || c == ')') {
      if ((c == '(') == (opened != 0)) {
        return fail(c == '(' ? "a parenthesis inside a parenthesis" : "')' without '('",
                    std::to_string(line_));
      }
      opened = c == '(' ? line_ : 0;
      ++at_;
    } else {
      auto token = read_token();
      if (!token) return tl::unexpected(token.error());
      entry.tokens.push_back(*token);
    }
  }
  if (opened != 0) return fail("'(' is never closed", std::to_string(opened), "add a ')'");
  return entry;
}

Result<std::string_view> Lexer::read_token() {
  const std::size_t begin = at_;
  const std::uint32_t line = line_;
  const bool quoted = text_[at_] == '"';
  if (quoted) ++at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (quoted ? c == '"' : ends_token(c)) break;
    if (c == '\n') break;
    at_ += c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n' ? 2 : 1;
  }
  if (quoted) {
    if (at_ >= text_.size() || text_[at_] != '"') {
      return fail("a quoted string is not closed on its line", std::to_string(line),
                  "add a '\"'; write a line end inside it as \\010");
    }
    ++at_;
  }
  return text_.substr(begin, at_ - begin);
}

}  // namespace sluice::dns
