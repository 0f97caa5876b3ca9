/// From text to tokens: the first half of reading a rule set.
#pragma once

#include <string_view>
#include <vector>

#include "dataplane/firewall/language/diagnostics.hpp"
#include "dataplane/firewall/language/token.hpp"

namespace sluice::firewall {

/// Tokens a document may have after its variables are replaced.
inline constexpr std::size_t kTokensMax = 8'000'000;

/// Splits text into tokens, the last of which has kind end. Comments are left out. What is no token
/// is told to `diagnostics` and left out too.
[[nodiscard]] std::vector<Token> tokenize(std::string_view text, Diagnostics& diagnostics);

/// Carries out `define NAME = VALUE` and puts the value's tokens where $NAME stands, at the place
/// of $NAME. Definitions hold from their line on.
[[nodiscard]] std::vector<Token> expand_variables(std::vector<Token> tokens,
                                                  Diagnostics& diagnostics);

}  // namespace sluice::firewall
