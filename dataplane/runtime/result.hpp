/// Errors as values: what went wrong, where, and what to do about it.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace sluice {

/// One failure, complete enough to print as it is.
struct Error {
  std::string what;   ///< what is wrong and why, one line, no final full stop
  std::string where;  ///< the file:line:column, field, device or address it concerns; may be empty
  std::string fix;    ///< what the operator can do; may be empty

  /// "WHERE: WHAT; FIX" without the parts that are empty.
  [[nodiscard]] std::string text() const {
    std::string out = where.empty() ? what : where + ": " + what;
    if (!fix.empty()) out += "; " + fix;
    return out;
  }
};

/// A value or the Error that kept it from being.
template <class T>
using Result = tl::expected<T, Error>;

/// For `return fail("what", "where", "fix");` in a function that returns a Result.
[[nodiscard]] inline tl::unexpected<Error> fail(std::string what, std::string where = {},
                                                std::string fix = {}) {
  return tl::unexpected<Error>(Error{std::move(what), std::move(where), std::move(fix)});
}

}  // namespace sluice
