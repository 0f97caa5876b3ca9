#include "dataplane/dns/zone/name.hpp"

#include <cstdio>

namespace sluice::dns {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Reads the escape after a backslash at text[at - 1]; moves `at` past it. -1: not an escape.
int read_escape(std::string_view text, std::size_t& at) {
  if (at >= text.size()) return -1;
  if (!is_digit(text[at])) return static_cast<std::uint8_t>(text[at++]);
  if (at + 3 > text.size() || !is_digit(text[at + 1]) || !is_digit(text[at + 2])) return -1;
  const int value = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
  at += 3;
  return value <= 255 ? value : -1;
}

}  // namespace

Result<std::string> name_from_text(std::string_view text, std::string_view origin) {
  if (text == "@") return std::string(origin);
  if (text == ".") return std::string(1, '\0');
  const auto bad = [&](const char* why) {
    return fail("'" + std::string(text.substr(0, 300)) + "' is not a domain name: " + why);
  };
  std::string wire;
  std::string label;
  bool absolute = false;
  const auto end_label = [&] {
    wire.push_back(static_cast<char>(label.size()));
    wire += label;
    label.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c == '.') {
      if (label.empty()) return bad("it has an empty label");
      end_label();
      absolute = at == text.size();
      continue;
    }
    const int byte = c == '\\' ? read_escape(text, at) : static_cast<std::uint8_t>(c);
    if (byte < 0) return bad("a backslash is followed by one character or by three digits to 255");
    label.push_back(static_cast<char>(byte));
    if (label.size() > kLabelMax) return bad("a label has more than 63 octets");
  }
  if (!label.empty()) end_label();
  if (wire.empty()) return bad("it is empty");
  if (absolute) {
    wire.push_back('\0');
  } else {
    wire += origin;
  }
  if (wire.size() > kNameMax) return bad("it has more than 255 octets");
  return wire;
}

std::string text_of(std::string_view name) {
  if (name.size() <= 1) return ".";
  std::string out;
  for (std::size_t at = 0; at < name.size() && name[at] != 0;) {
    const std::size_t end = at + 1 + static_cast<std::uint8_t>(name[at]);
    for (++at; at < end && at < name.size(); ++at) {
      const auto byte = static_cast<std::uint8_t>(name[at]);
      if (byte <= 0x20 || byte >= 0x7f) {
        char escape[5];
        std::snprintf(escape, sizeof escape, "\\%03u", unsigned{byte});
        out += escape;
      } else {
        if (std::string_view("\\.\"();@$").find(name[at]) != std::string_view::npos) out += '\\';
        out += name[at];
      }
    }
    out += '.';
  }
  return out;
}

std::string lowered(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

bool is_at_or_below(std::string_view name, std::string_view ancestor) {
  while (name.size() > ancestor.size()) name = parent_of(name);
  return name == ancestor;
}

std::size_t name_size(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size() && at < kNameMax;) {
    const auto label = static_cast<std::uint8_t>(bytes[at]);
    if (label == 0) return at + 1;
    if (label > kLabelMax) return 0;
    at += 1U + label;
  }
  return 0;
}

}  // namespace sluice::dns
