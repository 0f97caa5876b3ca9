/// Collects the mistakes of one document, so that all of them are told at once.
#pragma once

#include <string>
#include <vector>

#include "dataplane/firewall/language/token.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::firewall {

class Diagnostics {
 public:
  /// `where` is the place of the text's first line, "lab.yaml:30"; anything else is kept as a
  /// prefix.
  explicit Diagnostics(std::string_view where);

  void error(Position at, std::string what, std::string fix = {});
  void warning(Position at, std::string what, std::string fix = {});
  /// "lab.yaml:34:7" for line 5 column 7 of the text.
  [[nodiscard]] std::string place(Position at) const;

  [[nodiscard]] const std::vector<Error>& errors() const { return errors_; }
  [[nodiscard]] const std::vector<Error>& warnings() const { return warnings_; }
  /// Past this many the rest of the document is not looked at.
  [[nodiscard]] bool full() const { return errors_.size() >= kErrorsMax; }

 private:
  static constexpr std::size_t kErrorsMax = 100;

  std::string file_;
  std::uint32_t first_line_ = 1;
  std::vector<Error> errors_;
  std::vector<Error> warnings_;
};

}  // namespace sluice::firewall
