#include "dataplane/runtime/log.hpp"

#include <atomic>
#include <map>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace sluice {
namespace {

std::atomic<bool> json{false};

spdlog::logger& logger() {
  static spdlog::logger& instance = *[] {
    // Never destroyed: threads of libraries may log while the process ends.
    auto* made = new spdlog::logger("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return instance;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// A JSON string (RFC 8259 section 7). Bytes from 0x80 are passed as they are.
std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

}  // namespace

Result<void> configure_log(const std::string& level, const std::string& format) {
  static const std::map<std::string_view, LogLevel> kLevels = {{"debug", LogLevel::debug},
                                                               {"info", LogLevel::info},
                                                               {"warning", LogLevel::warning},
                                                               {"error", LogLevel::error}};
  const auto found = kLevels.find(level);
  if (found == kLevels.end()) {
    return fail(fmt::format("unknown log level '{}'", level), "logging.level",
                "use debug, info, warning or error");
  }
  if (format != "text" && format != "json") {
    return fail(fmt::format("unknown log format '{}'", format), "logging.format",
                "use text or json");
  }
  logger().set_level(level_of(found->second));
  json = format == "json";
  logger().set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                            : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  return {};
}

std::string log_line_text(std::string_view message, LogFields fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    line += fmt::format(" {}={}", field.key,
                        needs_quotes(field.value) ? json_quoted(field.value) : field.value);
  }
  return line;
}

std::string log_line_json(std::string_view message, LogFields fields) {
  std::string line = "\"message\":" + json_quoted(message);
  for (const LogField& field : fields) {
    line += fmt::format(",{}:{}", json_quoted(field.key),
                        field.quoted ? json_quoted(field.value) : field.value);
  }
  return line;
}

void log(LogLevel level, std::string_view message, LogFields fields) {
  if (!logger().should_log(level_of(level))) return;
  logger().log(level_of(level), "{}",
               json ? log_line_json(message, fields) : log_line_text(message, fields));
}

void log_error(const Error& error) {
  log(LogLevel::error, error.what, {{"where", error.where}, {"fix", error.fix}});
}

}  // namespace sluice
