/// Addresses as values. IPv4 is kept inside 16 bytes as ::ffff:a.b.c.d, so that a table serves both
/// families with one key.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <emmintrin.h>

#include "dataplane/runtime/result.hpp"

namespace sluice {

/// An IPv4 or IPv6 address, in network byte order.
struct alignas(8) IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] static IpAddress v4(std::uint32_t host_order) {
    return mapped(__builtin_bswap32(host_order));
  }
  /// From `size` 4 or 16 bytes in network order.
  [[nodiscard]] static IpAddress from(const std::uint8_t* network, std::size_t size) {
    if (size == 4) {
      std::uint32_t word;
      std::memcpy(&word, network, sizeof word);
      return mapped(word);
    }
    IpAddress a;
    std::memcpy(a.bytes.data(), network, 16);
    return a;
  }
  /// Accepts what inet_pton accepts. Error: not an address.
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const {
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0;
  }
  /// Host-order IPv4 address; only for is_v4().
  [[nodiscard]] std::uint32_t v4_value() const {
    return (std::uint32_t{bytes[12]} << 24) | (std::uint32_t{bytes[13]} << 16) |
           (std::uint32_t{bytes[14]} << 8) | bytes[15];
  }
  /// The 4 or 16 bytes as they stand in a packet.
  [[nodiscard]] const std::uint8_t* network() const { return bytes.data() + (is_v4() ? 12 : 0); }
  [[nodiscard]] std::size_t network_size() const { return is_v4() ? 4 : 16; }

  [[nodiscard]] bool is_unspecified() const;  ///< 0.0.0.0 or ::
  [[nodiscard]] bool is_multicast() const;    ///< 224/4 or ff00::/8
  [[nodiscard]] bool is_loopback() const;     ///< 127/8 or ::1
  [[nodiscard]] bool is_link_local() const;   ///< 169.254/16 or fe80::/10

  [[nodiscard]] std::string text() const;
  auto operator<=>(const IpAddress&) const = default;
  /// In registers: the comparison of arrays calls memcmp.
  [[nodiscard]] bool operator==(const IpAddress& other) const {
    std::uint64_t a[2];
    std::uint64_t b[2];
    std::memcpy(a, bytes.data(), sizeof a);
    std::memcpy(b, other.bytes.data(), sizeof b);
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
  }

 private:
  /// As one store of 16 bytes, since hashes and comparisons load that many at once.
  [[nodiscard]] static IpAddress mapped(std::uint32_t network_order) {
    const __m128i v =
        _mm_set_epi32(static_cast<int>(network_order), static_cast<int>(0xffff'0000), 0, 0);
    IpAddress a;
    std::memcpy(a.bytes.data(), &v, sizeof v);
    return a;
  }
};

/// An address with a prefix length: 198.18.1.11/24 as an interface address, 198.18.1.0/24 as a
/// prefix.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;  ///< 0..32 for IPv4, 0..128 for IPv6

  /// "ADDRESS" (a host) or "ADDRESS/LENGTH"; host bits are kept. Error: not a prefix.
  [[nodiscard]] static Result<Prefix> parse(std::string_view text);
  [[nodiscard]] bool is_v4() const { return address.is_v4(); }
  /// Length counted over the 16-byte form (IPv4: 96 more).
  [[nodiscard]] unsigned mapped_length() const { return is_v4() ? length + 96U : length; }
  [[nodiscard]] bool contains(const IpAddress& other) const;
  /// The same prefix with its host bits cleared.
  [[nodiscard]] Prefix network() const;
  [[nodiscard]] std::string text() const;
  auto operator<=>(const Prefix&) const = default;
};

/// An Ethernet address.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  /// "02:00:00:00:00:01". Error: not a MAC address.
  [[nodiscard]] static Result<MacAddress> parse(std::string_view text);
  [[nodiscard]] bool is_group() const { return (bytes[0] & 1U) != 0; }
  [[nodiscard]] std::string text() const;
  auto operator<=>(const MacAddress&) const = default;
};

}  // namespace sluice
