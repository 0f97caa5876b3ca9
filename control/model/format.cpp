#include "control/model/format.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <numeric>

#include "dataplane/packet/address.hpp"

namespace sluice::model {
namespace {

constexpr std::size_t kNameMax = 63;
constexpr std::size_t kPathMax = 4095;
constexpr std::size_t kDomainMax = 253;  // RFC 1035 2.3.4 as text without the final dot

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

Complaint complain(std::string what, std::string fix) {
  return {std::move(what), std::move(fix)};
}

std::optional<Complaint> check_name(std::string_view text) {
  if (!text.empty() && text.size() <= kNameMax &&
      std::all_of(text.begin(), text.end(), is_name_char)) {
    return std::nullopt;
  }
  return complain(quoted(text) + " is not a name", "use 1 to 63 letters, digits, '-', '_' and '.'");
}

std::optional<Complaint> check_ip(std::string_view text) {
  if (IpAddress::parse(text)) return std::nullopt;
  return complain(quoted(text) + " is not an IP address",
                  "write it as 198.18.0.1 or 2001:2::1, without a prefix length");
}

std::optional<Complaint> check_prefix(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix) {
    return complain(quoted(text) + " is not a prefix", "write it as 198.18.0.0/24 or 2001:2::/64");
  }
  if (prefix->network() == *prefix) return std::nullopt;
  return complain(quoted(text) + " has host bits set",
                  "write " + prefix->network().text() + " for the whole prefix");
}

std::optional<Complaint> check_interface_address(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix || text.find('/') == std::string_view::npos) {
    return complain(quoted(text) + " is not an interface address",
                    "write it with its prefix length, as 198.18.0.1/24 or 2001:2::1/64");
  }
  const IpAddress& address = prefix->address;
  if (address.is_unspecified() || address.is_multicast() || address.is_loopback()) {
    return complain(quoted(text) + " cannot be the address of a port",
                    "use a unicast address that is not loopback");
  }
  return std::nullopt;
}

std::optional<Complaint> check_mac(std::string_view text) {
  const auto mac = MacAddress::parse(text);
  if (!mac)
    return complain(quoted(text) + " is not an Ethernet address", "write it as 02:00:00:00:00:01");
  if (!mac->is_group() && *mac != MacAddress{}) return std::nullopt;
  return complain(quoted(text) + " is not the Ethernet address of one station",
                  "use one whose first byte is even and that is not all zero");
}

std::optional<Complaint> check_domain(std::string_view text) {
  std::string_view rest = text;
  if (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  bool good = rest.size() <= kDomainMax && (!rest.empty() || text == ".");
  while (good && !rest.empty()) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    good = !label.empty() && label.size() <= kNameMax &&
           std::all_of(label.begin(), label.end(), is_name_char);
    rest = label.size() == rest.size() ? std::string_view{} : rest.substr(label.size() + 1);
  }
  if (good) return std::nullopt;
  return complain(quoted(text) + " is not a domain name",
                  "write labels of 1 to 63 letters, digits, '-' and '_', with dots between them");
}

std::optional<Complaint> from_error(const Error& error) {
  return Complaint{error.what, error.fix};
}

std::optional<Complaint> check_path(std::string_view text) {
  if (!text.empty() && text.size() <= kPathMax && text.find('\0') == std::string_view::npos) {
    return std::nullopt;
  }
  return complain(quoted(text) + " is not a path", "write the path of a file or folder");
}

std::optional<Complaint> check_status(std::string_view text) {
  const auto range = parse_status_range(text);
  return range ? std::nullopt : from_error(range.error());
}

std::optional<Complaint> check_hex(std::string_view text) {
  const auto bytes = parse_hex(text);
  return bytes ? std::nullopt : from_error(bytes.error());
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct Unit {
  std::string_view name;
  Nanoseconds nanoseconds;
};
constexpr std::array<Unit, 7> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", kSecond},
                                      {"m", 60 * kSecond},
                                      {"h", 3'600 * kSecond},
                                      {"d", 86'400 * kSecond}}};

bool is_port(std::string_view text, std::uint16_t& port) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, port);
  return result.ec == std::errc{} && result.ptr == end && port != 0 && text[0] != '0';
}

/// Bytes of the character the text begins with (RFC 3629 section 4); 0 if they are not one.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool shortest = first != 0xe0 || byte(1) >= 0xa0;
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    return tail(1) && tail(2) && shortest && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool shortest = first != 0xf0 || byte(1) >= 0x90;
    const bool beyond = first == 0xf4 && byte(1) >= 0x90;
    return tail(1) && tail(2) && tail(3) && shortest && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::optional<Complaint> check_format(v1::Format format, std::string_view text) {
  switch (format) {
    case v1::NAME:
      return check_name(text);
    case v1::IP:
      return check_ip(text);
    case v1::PREFIX:
      return check_prefix(text);
    case v1::INTERFACE_ADDRESS:
      return check_interface_address(text);
    case v1::MAC:
      return check_mac(text);
    case v1::DOMAIN:
      return check_domain(text);
    case v1::PATH:
      return check_path(text);
    case v1::STATUS_RANGE:
      return check_status(text);
    case v1::HEX:
      return check_hex(text);
    case v1::DURATION: {
      const auto duration = parse_duration(text);
      return duration ? std::nullopt : from_error(duration.error());
    }
    case v1::SOCKET: {
      const auto socket = parse_socket(text);
      return socket ? std::nullopt : from_error(socket.error());
    }
    default:
      return std::nullopt;
  }
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  constexpr Nanoseconds kLongest = 36'500 * (86'400 * kSecond);
  const auto bad = [&](std::string_view why) {
    return fail(quoted(text) + " is not a duration" + std::string(why), {},
                "write a whole number and a unit, as 500ms, 30s, 5m, 2h or 1d");
  };
  std::uint64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec == std::errc::result_out_of_range) return bad(" of at most 100 years");
  if (result.ec != std::errc{}) return bad("");
  const std::string_view unit = text.substr(static_cast<std::size_t>(result.ptr - text.data()));
  for (const Unit& u : kUnits) {
    if (u.name != unit) continue;
    if (number == 0) return bad(" longer than nothing");
    if (number > static_cast<std::uint64_t>(kLongest / u.nanoseconds)) {
      return bad(" of at most 100 years");
    }
    return static_cast<Nanoseconds>(number) * u.nanoseconds;
  }
  return bad("");
}

Result<StatusRange> parse_status_range(std::string_view text) {
  const auto number = [](std::string_view digits, std::uint32_t& out) {
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return digits.size() == 3 && result.ec == std::errc{} &&
           result.ptr == digits.data() + digits.size() && out >= 100 && out <= 599;
  };
  StatusRange range;
  const bool one = text.size() == 3;
  const bool good = number(text.substr(0, 3), range.first) &&
                    (one || (text[3] == '-' && number(text.substr(4), range.last)));
  if (one) range.last = range.first;
  if (good && range.first <= range.last) return range;
  return fail(quoted(text) + " is not a status code or range of them", {},
              "write 100 to 599, as 204 or 200-299");
}

Result<std::string> parse_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit_of(text[i]);
    const int low = digit_of(text[i + 1]);
    if (high < 0 || low < 0) break;
    bytes += static_cast<char>(high * 16 + low);
  }
  if (bytes.size() * 2 == text.size() && !bytes.empty()) return bytes;
  return fail(quoted(text) + " is not bytes in hexadecimal", {},
              "write two digits for each byte, as 00ff1a");
}

Result<SocketName> parse_socket(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::size_t kUnixPathMax = 107;  // sun_path with its final zero byte
  const auto bad = [&] {
    return fail(quoted(text) + " is not an address with a port", {},
                "write it as 198.18.0.1:7700, [2001:2::1]:7700 or unix:/run/sluice/control.sock");
  };
  SocketName name;
  if (text.substr(0, kUnix.size()) == kUnix) {
    name.path = std::string(text.substr(kUnix.size()));
    if (name.path.empty() || name.path.find('\0') != std::string::npos) return bad();
    if (name.path.size() > kUnixPathMax) {
      return fail("the path of the unix socket is longer than 107 bytes", {}, "use a shorter path");
    }
    return name;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1), name.port)) return bad();
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  if (!address || bracketed != (host.find(':') != std::string_view::npos)) return bad();
  name.address = std::string(host);
  return name;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::size_t limit = std::max<std::size_t>(word.size() < 3 ? 1 : 2, word.size() / 3);
  std::size_t best = limit + 1;
  std::string found;
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  for (const std::string& candidate : candidates) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size() && word.size() < 100; ++i) {
      std::size_t diagonal = row[0]++;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t same = diagonal + (lower(word[i]) == lower(candidate[j]) ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({same, row[j + 1] + 1, row[j] + 1});
      }
    }
    if (row.back() < best && word.size() < 100) {
      best = row.back();
      found = candidate;
    }
  }
  return found;
}

std::string one_of(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::size_t length = std::min(text.size(), kLongest);
  // Not in the middle of a character of several bytes.
  while (length < text.size() && length > 0 && (text[length] & 0xc0) == 0x80) --length;
  std::string out = "'";
  for (const char c : text.substr(0, length)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + (length < text.size() ? "...'" : "'");
}

std::size_t utf8_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) break;
    i += length;
  }
  return i;
}

bool is_utf8(std::string_view text) {
  return utf8_prefix(text) == text.size();
}

std::string as_utf8(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      out += '?';
    } else {
      out += text.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

}  // namespace sluice::model
