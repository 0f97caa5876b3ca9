#include "dataplane/firewall/language/diagnostics.hpp"

#include <charconv>

namespace sluice::firewall {

Diagnostics::Diagnostics(std::string_view where) : file_(where) {
  const std::size_t colon = where.rfind(':');
  if (colon == std::string_view::npos) return;
  std::uint32_t line = 0;
  const char* const last = where.data() + where.size();
  const auto [end, problem] = std::from_chars(where.data() + colon + 1, last, line);
  if (problem != std::errc{} || end != last || line == 0) return;
  file_ = where.substr(0, colon);
  first_line_ = line;
}

void Diagnostics::error(Position at, std::string what, std::string fix) {
  if (!full()) errors_.push_back({std::move(what), place(at), std::move(fix)});
}

void Diagnostics::warning(Position at, std::string what, std::string fix) {
  if (warnings_.size() < kErrorsMax)
    warnings_.push_back({std::move(what), place(at), std::move(fix)});
}

std::string Diagnostics::place(Position at) const {
  return file_ + ":" + std::to_string(first_line_ + at.line - 1) + ":" + std::to_string(at.column);
}

}  // namespace sluice::firewall
