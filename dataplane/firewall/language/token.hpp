/// The words of a rule set, each with its place.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/packet/address.hpp"

namespace sluice::firewall {

/// A place in the text of a document; both count from 1.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

enum class TokenKind : std::uint8_t {
  word,      ///< accept, dport, port-unreachable
  string,    ///< "in quotes", which `text` is without
  number,    ///< 22, 0x16
  address,   ///< 198.18.0.1, 2001:2::1
  set_name,  ///< @name, `text` is without the @
  variable,  ///< $name, `text` is without the $
  symbol,    ///< { } ( ) , : ; = == != < > <= >= & | / - + ! *
  newline,
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;  ///< as written, but see above
  Position at;
  std::uint64_t number = 0;
  IpAddress address;

  [[nodiscard]] bool is(TokenKind wanted, std::string_view spelling) const {
    return kind == wanted && text == spelling;
  }
  [[nodiscard]] bool is_symbol(std::string_view spelling) const {
    return is(TokenKind::symbol, spelling);
  }
  [[nodiscard]] bool is_word(std::string_view spelling) const {
    return is(TokenKind::word, spelling);
  }
};

}  // namespace sluice::firewall
