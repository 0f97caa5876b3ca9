#include "dataplane/packet/ttl.hpp"

#include <array>

#include <gtest/gtest.h>

#include "dataplane/packet/checksum.hpp"

namespace sluice {
namespace {

/// An IPv4 header of zeros but for TTL, protocol, and an identification that makes its checksum
/// whatever it can be.
std::array<std::uint8_t, 20> header(std::uint8_t ttl, std::uint16_t identification) {
  std::array<std::uint8_t, 20> ip{0x45};
  store_be16(&ip[4], identification);
  ip[8] = ttl;
  store_be16(&ip[10], checksum_finish(checksum_sum(ip)));
  return ip;
}

TEST(Ttl, TheHeaderIsAsIfItHadBeenMadeWithTheSmallerOne) {
  for (const int ttl : {1, 2, 64, 128, 255}) {
    for (unsigned identification = 0; identification <= 0xffff; ++identification) {
      const auto id = static_cast<std::uint16_t>(identification);
      auto ip = header(static_cast<std::uint8_t>(ttl), id);
      ASSERT_EQ(decrement_ipv4_ttl(ip.data()), ttl - 1);
      ASSERT_EQ(ip, header(static_cast<std::uint8_t>(ttl - 1), id));
    }
  }
}

}  // namespace
}  // namespace sluice
