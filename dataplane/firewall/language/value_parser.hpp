/// Reads the values of matches and sets: "22", "10.0.0.0/8", "{ ssh, 80-90 }", "syn / syn,ack".
#pragma once

#include <optional>
#include <vector>

#include "dataplane/firewall/language/diagnostics.hpp"
#include "dataplane/firewall/language/syntax.hpp"
#include "dataplane/firewall/language/token_stream.hpp"
#include "dataplane/firewall/source.hpp"

namespace sluice::firewall {

class ValueParser {
 public:
  ValueParser(TokenStream& tokens, Diagnostics& diagnostics, const std::vector<PortName>& ports)
      : tokens_(tokens), diagnostics_(diagnostics), ports_(ports) {}

  /// What stands after a field: an operator or none, and values. False: told, and not read whole.
  [[nodiscard]] bool parse_match(Match& match);
  /// A value, range or prefix.
  [[nodiscard]] std::optional<std::vector<Interval>> parse_element(ValueType type);
  /// One value. `largest` bounds numbers.
  [[nodiscard]] std::optional<Number> parse_value(ValueType type, Number largest);

 private:
  enum class Operator : std::uint8_t { none, equal, unequal, less, greater, at_most, at_least, no };

  Operator parse_operator();
  bool parse_set_literal(ValueType type, std::vector<Interval>& out);
  bool parse_tcp_flags(Match& match, Operator op);
  bool parse_masked_flags(Match& match);
  std::optional<std::uint8_t> parse_flag_value();
  bool parse_states(Match& match, Operator op);
  bool apply_order(Match& match, Operator op);
  std::optional<Number> parse_address(ValueType type);
  std::optional<Interval> parse_prefix_or_range(ValueType type, Number first);
  std::optional<std::vector<Interval>> parse_interface();
  bool expected(ValueType type);

  TokenStream& tokens_;
  Diagnostics& diagnostics_;
  const std::vector<PortName>& ports_;
};

}  // namespace sluice::firewall
