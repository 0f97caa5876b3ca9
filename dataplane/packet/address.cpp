#include "dataplane/packet/address.hpp"

#include <charconv>
#include <cstdio>

#include <arpa/inet.h>

namespace sluice {

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  std::array<std::uint8_t, 16> network{};
  if (inet_pton(AF_INET, copy.c_str(), network.data()) == 1) return from(network.data(), 4);
  if (inet_pton(AF_INET6, copy.c_str(), network.data()) == 1) return from(network.data(), 16);
  return fail("'" + copy + "' is not an IP address", {}, "write it as 198.18.0.1 or 2001:2::1");
}

bool IpAddress::is_unspecified() const {
  return is_v4() ? v4_value() == 0 : *this == IpAddress{};
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes[12] >> 4) == 0xe : bytes[0] == 0xff;
}

bool IpAddress::is_loopback() const {
  IpAddress one;
  one.bytes[15] = 1;
  return is_v4() ? bytes[12] == 127 : *this == one;
}

bool IpAddress::is_link_local() const {
  return is_v4() ? bytes[12] == 169 && bytes[13] == 254
                 : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN];
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, network(), out, sizeof out);
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return tl::unexpected(address.error());
  const unsigned most = address->is_v4() ? 32 : 128;
  unsigned length = most;
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), length);
    if (error != std::errc{} || end != digits.end() || length > most) {
      return fail("'" + std::string(text) + "' is not a prefix", {},
                  "the length after '/' is 0 to " + std::to_string(most));
    }
  }
  return Prefix{*address, static_cast<std::uint8_t>(length)};
}

bool Prefix::contains(const IpAddress& other) const {
  return is_v4() == other.is_v4() && Prefix{other, length}.network().address == network().address;
}

Prefix Prefix::network() const {
  Prefix p = *this;
  const unsigned keep = mapped_length();
  for (unsigned i = keep / 8; i < 16; ++i) {
    const auto mask =
        i == keep / 8 ? static_cast<std::uint8_t>(0xff00U >> (keep % 8)) : std::uint8_t{0};
    p.address.bytes[i] &= mask;
  }
  return p;
}

std::string Prefix::text() const {
  return address.text() + "/" + std::to_string(length);
}

Result<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  bool good = text.size() == 17;
  for (std::size_t i = 0; good && i < 6; ++i) {
    const char* at = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(at, at + 2, mac.bytes[i], 16);
    good = error == std::errc{} && end == at + 2 && (i == 5 || at[2] == ':');
  }
  if (good) return mac;
  return fail("'" + std::string(text) + "' is not an Ethernet address", {},
              "write it as 02:00:00:00:00:01");
}

std::string MacAddress::text() const {
  char out[18];
  std::snprintf(out, sizeof out, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
                bytes[3], bytes[4], bytes[5]);
  return out;
}

}  // namespace sluice
