#include "dataplane/firewall/language/value_parser.hpp"

#include <algorithm>

namespace sluice::firewall {
namespace {

bool is_address(ValueType type) {
  return type == ValueType::ipv4_address || type == ValueType::ipv6_address;
}

Number largest_of_type(ValueType type) {
  switch (type) {
    case ValueType::ipv4_address:
      return 0xffffffff;
    case ValueType::ipv6_address:
      return ~Number{0};
    case ValueType::port:
      return 0xffff;
    case ValueType::dscp:
      return 63;
    default:
      return 255;
  }
}

}  // namespace

bool ValueParser::expected(ValueType type) {
  std::string fix = "write " + std::string(describe(type));
  if (type == ValueType::interface) {
    fix = "ports are";
    for (const PortName& port : ports_) fix += " " + port.name;
    if (ports_.empty()) fix = "name it in a Port document";
  }
  diagnostics_.error(tokens_.peek().at, tokens_.shown() + " is not " + std::string(describe(type)),
                     std::move(fix));
  return false;
}

ValueParser::Operator ValueParser::parse_operator() {
  constexpr std::array<std::tuple<std::string_view, std::string_view, Operator>, 7> kOperators{{
      {"==", "eq", Operator::equal},
      {"!=", "ne", Operator::unequal},
      {"<=", "le", Operator::at_most},
      {">=", "ge", Operator::at_least},
      {"<", "lt", Operator::less},
      {">", "gt", Operator::greater},
      {"!", "", Operator::no},
  }};
  for (const auto& [symbol, word, op] : kOperators)
    if (tokens_.take_symbol(symbol) || (!word.empty() && tokens_.take_word(word))) return op;
  return Operator::none;
}

bool ValueParser::parse_match(Match& match) {
  match.value_at = tokens_.peek().at;
  const ValueType type = match.field->type;
  if (type == ValueType::tcp_flags && tokens_.take_symbol("&")) return parse_masked_flags(match);
  const Operator op = parse_operator();
  match.value_at = tokens_.peek().at;
  match.negated = op == Operator::unequal;
  if (tokens_.peek().kind == TokenKind::set_name) {
    match.set = tokens_.take().text;
    if (op == Operator::none || op == Operator::equal || op == Operator::unequal) return true;
    diagnostics_.error(match.value_at, "a set cannot be compared for order", "use a range");
    return false;
  }
  if (tokens_.peek().is_symbol("{")) {
    if (op == Operator::none || op == Operator::equal || op == Operator::unequal)
      return parse_set_literal(type, match.values);
    diagnostics_.error(match.value_at, "a set cannot be compared for order", "use a range");
    return false;
  }
  if (type == ValueType::tcp_flags) return parse_tcp_flags(match, op);
  if (type == ValueType::state) return parse_states(match, op);
  auto values = parse_element(type);
  if (!values) return false;
  match.values = std::move(*values);
  return apply_order(match, op);
}

/// Turns `< 5` and its like into ranges.
bool ValueParser::apply_order(Match& match, Operator op) {
  if (op == Operator::none || op == Operator::equal || op == Operator::unequal) return true;
  const Number largest = largest_of_type(match.field->type);
  const bool single = match.values.size() == 1 && match.values[0].low == match.values[0].high;
  if (op == Operator::no || !single || match.field->type == ValueType::interface) {
    diagnostics_.error(match.value_at, "this comparison needs one plain value",
                       "use == or != with ranges and sets");
    return false;
  }
  const Number value = match.values[0].low;
  match.values.clear();
  if (op == Operator::less && value > 0) match.values.push_back({0, value - 1});
  if (op == Operator::at_most) match.values.push_back({0, value});
  if (op == Operator::greater && value < largest) match.values.push_back({value + 1, largest});
  if (op == Operator::at_least) match.values.push_back({value, largest});
  return true;
}

bool ValueParser::parse_set_literal(ValueType type, std::vector<Interval>& out) {
  const Position open = tokens_.take().at;
  std::size_t elements = 0;
  for (;;) {
    tokens_.skip_newlines();
    if (tokens_.take_symbol("}")) break;
    if (tokens_.peek().is_symbol("{")) {  // a variable that holds a set
      if (!parse_set_literal(type, out)) return false;
    } else if (type == ValueType::tcp_flags) {
      const auto value = parse_flag_value();
      if (!value) return false;
      out.push_back({*value, *value});
    } else {
      auto values = parse_element(type);
      if (!values) return false;
      out.insert(out.end(), values->begin(), values->end());
    }
    ++elements;
    tokens_.skip_newlines();
    if (tokens_.take_symbol(",")) continue;
    if (tokens_.take_symbol("}")) break;
    diagnostics_.error(tokens_.peek().at, tokens_.shown() + " inside a set",
                       "separate elements by commas and close with }");
    return false;
  }
  if (elements != 0) return true;
  diagnostics_.error(open, "an empty set", "give it elements, or use a named set");
  return false;
}

std::optional<Number> ValueParser::parse_address(ValueType type) {
  const Token& token = tokens_.peek();
  const bool v4 = type == ValueType::ipv4_address;
  if (token.kind != TokenKind::address || token.address.is_v4() != v4) {
    expected(type);
    return std::nullopt;
  }
  return number_of(tokens_.take().address);
}

std::optional<Number> ValueParser::parse_value(ValueType type, Number largest) {
  if (is_address(type)) return parse_address(type);
  const Token& token = tokens_.peek();
  const bool words_only =
      type == ValueType::state || type == ValueType::family || type == ValueType::ether_type;
  if (token.kind == TokenKind::number && !words_only) {
    if (token.number > largest) {
      diagnostics_.error(
          token.at,
          token.text + " is more than " + std::to_string(static_cast<std::uint64_t>(largest)),
          "write " + std::string(describe(type)));
      return std::nullopt;
    }
    return Number{tokens_.take().number};
  }
  if (token.kind == TokenKind::word || token.kind == TokenKind::string) {
    if (const auto value = named_value(type, token.text)) {
      tokens_.take();
      return Number{*value};
    }
  }
  expected(type);
  return std::nullopt;
}

/// "wan", or "wan*" for all that begin so.
std::optional<std::vector<Interval>> ValueParser::parse_interface() {
  const Token token = tokens_.peek();
  if (token.kind != TokenKind::word && token.kind != TokenKind::string) {
    expected(ValueType::interface);
    return std::nullopt;
  }
  std::string name = token.text;
  bool all = token.kind == TokenKind::string && name.ends_with('*');
  if (all) name.pop_back();
  std::vector<Interval> out;
  const auto matches = [&](const PortName& port) {
    return all ? port.name.starts_with(name) : port.name == name;
  };
  for (const PortName& port : ports_)
    if (matches(port)) out.push_back({port.id, port.id});
  if (out.empty()) {
    expected(ValueType::interface);
    return std::nullopt;
  }
  tokens_.take();
  return out;
}

std::optional<std::vector<Interval>> ValueParser::parse_element(ValueType type) {
  if (type == ValueType::interface) return parse_interface();
  const auto first = parse_value(type, largest_of_type(type));
  if (!first) return std::nullopt;
  const auto interval = parse_prefix_or_range(type, *first);
  if (!interval) return std::nullopt;
  return std::vector{*interval};
}

std::optional<Interval> ValueParser::parse_prefix_or_range(ValueType type, Number first) {
  const Position at = tokens_.peek().at;
  if (is_address(type) && tokens_.take_symbol("/")) {
    const unsigned width = type == ValueType::ipv4_address ? 32 : 128;
    const Token length = tokens_.peek();
    if (length.kind != TokenKind::number || length.number > width) {
      diagnostics_.error(length.at, tokens_.shown() + " is not a prefix length",
                         "write a number from 0 to " + std::to_string(width));
      return std::nullopt;
    }
    tokens_.take();
    const auto host_bits = static_cast<unsigned>(width - length.number);
    const Number span = host_bits == 128 ? ~Number{0} : (Number{1} << host_bits) - 1;
    return Interval{first & ~span, first | span};
  }
  if (!tokens_.take_symbol("-")) return Interval{first, first};
  const auto last = parse_value(type, largest_of_type(type));
  if (!last) return std::nullopt;
  if (*last < first) {
    diagnostics_.error(at, "a range that ends before it begins", "write the smaller value first");
    return std::nullopt;
  }
  return Interval{first, *last};
}

bool ValueParser::parse_states(Match& match, Operator op) {
  std::size_t states = 0;
  do {
    const auto value = parse_value(ValueType::state, 0);
    if (!value) return false;
    match.values.push_back({*value, *value});
    ++states;
  } while (tokens_.take_symbol(","));
  match.negated = op == Operator::unequal || op == Operator::no;
  if (states > 1 && (op == Operator::unequal || op == Operator::equal)) {
    diagnostics_.error(match.value_at, "no packet is in several states at once",
                       "write { established, related } in braces");
    return false;
  }
  if (op != Operator::none && op != Operator::equal && !match.negated) {
    diagnostics_.error(match.value_at, "states have no order", "use == or !=");
    return false;
  }
  return true;
}

/// One flag, a number, or several joined by | or a comma; parentheses may enclose them.
std::optional<std::uint8_t> ValueParser::parse_flag_value() {
  const bool enclosed = tokens_.take_symbol("(");
  std::uint8_t out = 0;
  for (;;) {
    const auto value = parse_value(ValueType::tcp_flags, 255);
    if (!value) return std::nullopt;
    out = static_cast<std::uint8_t>(out | static_cast<std::uint8_t>(*value));
    if (!tokens_.take_symbol("|") && !(enclosed && tokens_.take_symbol(","))) break;
  }
  if (enclosed && !tokens_.take_symbol(")")) {
    diagnostics_.error(tokens_.peek().at, tokens_.shown() + " inside parentheses", "close them");
    return std::nullopt;
  }
  return out;
}

namespace {

/// The flag bytes whose bits under `mask` are `value`.
std::vector<Interval> flags_where(unsigned mask, unsigned value) {
  std::vector<Interval> out;
  for (unsigned flags = 0; flags < 256; ++flags)
    if ((flags & mask) == value) out.push_back({flags, flags});
  return out;
}

}  // namespace

/// `syn`, `syn,ack` (any of them), `== syn` (just these), `! syn`, `syn / syn,ack`.
bool ValueParser::parse_tcp_flags(Match& match, Operator op) {
  if (op != Operator::none && op != Operator::equal && op != Operator::unequal &&
      op != Operator::no) {
    diagnostics_.error(match.value_at, "flags have no order", "use == or !=");
    return false;
  }
  const auto list = [&]() -> std::optional<std::uint8_t> {
    std::uint8_t out = 0;
    do {
      const auto part = parse_flag_value();
      if (!part) return std::nullopt;
      out = static_cast<std::uint8_t>(out | *part);
    } while (tokens_.take_symbol(","));
    return out;
  };
  const auto value = list();
  if (!value) return false;
  if (tokens_.take_symbol("/")) {
    const auto mask = list();
    if (!mask) return false;
    if (op == Operator::no) {
      diagnostics_.error(match.value_at, "! with a mask", "write != before the flags");
      return false;
    }
    match.values = flags_where(*mask, *value);
    return true;  // negated tells != apart
  }
  if (op == Operator::equal || op == Operator::unequal) {
    match.values = {{*value, *value}};
    return true;
  }
  match.values = flags_where(*value, 0);
  match.negated = op == Operator::none;
  return true;
}

/// `& (fin|syn|rst|ack) == syn`
bool ValueParser::parse_masked_flags(Match& match) {
  const auto mask = parse_flag_value();
  if (!mask) return false;
  const Operator op = parse_operator();
  if (op != Operator::equal && op != Operator::unequal) {
    diagnostics_.error(tokens_.peek().at,
                       "a mask without == or !=", "write tcp flags & (syn|ack) == syn");
    return false;
  }
  match.negated = op == Operator::unequal;
  std::uint8_t value = 0;
  do {
    const auto part = parse_flag_value();
    if (!part) return false;
    value = static_cast<std::uint8_t>(value | *part);
  } while (tokens_.take_symbol(","));
  match.values = flags_where(*mask, value);
  return true;
}

}  // namespace sluice::firewall
