/// How the text of a field is written: checks by Format, durations, and near names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/options.pb.h"

namespace sluice::model {

/// What is wrong with a value, and what to write instead.
struct Complaint {
  std::string what;
  std::string fix;
};

/// Nothing if the text is as the format wants it.
[[nodiscard]] std::optional<Complaint> check_format(v1::Format format, std::string_view text);

/// "500ms", "30s", "5m", "2h", "1d": a whole number and a unit, at most 100 years.
[[nodiscard]] Result<Nanoseconds> parse_duration(std::string_view text);

/// HTTP status codes, both ends included.
struct StatusRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};
/// "204" or "200-299".
[[nodiscard]] Result<StatusRange> parse_status_range(std::string_view text);
/// The bytes of "00ff1a"; at least one.
[[nodiscard]] Result<std::string> parse_hex(std::string_view text);

/// An address and a port, or the path of a unix socket.
struct SocketName {
  std::string path;     ///< of a unix socket; empty for an address
  std::string address;  ///< without brackets
  std::uint16_t port = 0;
};
/// "198.18.0.1:7700", "[2001:2::1]:7700" or "unix:/run/x.sock".
[[nodiscard]] Result<SocketName> parse_socket(std::string_view text);

/// The candidate that the word most likely was meant to be; empty if none is near.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

/// "a, b or c".
[[nodiscard]] std::string one_of(const std::vector<std::string>& names);

/// The text in single quotes, shortened, control characters escaped: safe for a terminal and a log.
[[nodiscard]] std::string quoted(std::string_view text);

/// Bytes at the front of the text that are whole characters of UTF-8.
[[nodiscard]] std::size_t utf8_prefix(std::string_view text);
/// RFC 3629. What goes into a message or the store must be.
[[nodiscard]] bool is_utf8(std::string_view text);
/// The text with a '?' for every byte that is not part of a character.
[[nodiscard]] std::string as_utf8(std::string_view text);

}  // namespace sluice::model
