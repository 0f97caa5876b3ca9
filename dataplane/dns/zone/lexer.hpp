/// Cuts a master file (RFC 1035 section 5.1) into entries: comments are gone, parentheses have
/// joined lines, quotes and escapes are left as written for whoever reads the token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/runtime/result.hpp"

namespace sluice::dns {

/// One logical line.
struct Entry {
  std::vector<std::string_view> tokens;  ///< slices of the text; a quoted one keeps its quotes
  bool blank_owner = false;              ///< begins with white space: the last owner is meant
  std::uint32_t line = 0;                ///< where it begins, from 1
};

class Lexer {
 public:
  /// `text` must outlive the lexer and its entries.
  explicit Lexer(std::string_view text) : text_(text) {}

  /// The next entry that has tokens; an entry without tokens is the end. After an error (a quote or
  /// parenthesis that is never closed) the rest of the text cannot be understood.
  [[nodiscard]] Result<Entry> next();

 private:
  Result<Entry> read_entry();
  Result<std::string_view> read_token();

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace sluice::dns
