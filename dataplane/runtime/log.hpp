/// Structured log lines to standard error. Never from a worker or a shard: they count instead.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

#include "dataplane/runtime/result.hpp"

namespace sluice {

enum class LogLevel { debug, info, warning, error };

/// One "key=value" of a line.
struct LogField {
  LogField(std::string_view k, std::string_view text) : key(k), value(text), quoted(true) {}
  LogField(std::string_view k, const std::string& text) : LogField(k, std::string_view(text)) {}
  LogField(std::string_view k, const char* text) : LogField(k, std::string_view(text)) {}
  template <class Number>
  requires std::is_arithmetic_v<Number> LogField(std::string_view k, Number number)
      : key(k), value(fmt::format("{}", number)), quoted(false) {}

  std::string_view key;
  std::string value;
  bool quoted;  ///< text rather than a number or truth value
};
using LogFields = std::initializer_list<LogField>;

/// Sets the least level that is written ("debug", "info", "warning" or "error") and the form:
/// "text" or "json", one object a line.
[[nodiscard]] Result<void> configure_log(const std::string& level, const std::string& format);

/// Writes a line: `message` is a constant phrase, what varies goes into fields. Any thread may call
/// it but those that must not block.
void log(LogLevel level, std::string_view message, LogFields fields = {});

inline void log_debug(std::string_view message, LogFields fields = {}) {
  log(LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, LogFields fields = {}) {
  log(LogLevel::info, message, fields);
}
inline void log_warning(std::string_view message, LogFields fields = {}) {
  log(LogLevel::warning, message, fields);
}
inline void log_error(std::string_view message, LogFields fields = {}) {
  log(LogLevel::error, message, fields);
}
/// An Error as a line with its parts as fields.
void log_error(const Error& error);

/// The text after the time stamp and level, as `log` writes it: message key=value key="a value".
[[nodiscard]] std::string log_line_text(std::string_view message, LogFields fields);
/// The members after time and level: "message":"...","key":...
[[nodiscard]] std::string log_line_json(std::string_view message, LogFields fields);

}  // namespace sluice
