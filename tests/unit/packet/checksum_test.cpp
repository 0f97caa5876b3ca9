#include "dataplane/packet/checksum.hpp"

#include <random>

#include <gtest/gtest.h>

#include "dataplane/packet/bytes.hpp"

namespace sluice {
namespace {

TEST(Checksum, Rfc1071Example) {  // RFC 1071 section 3
  const std::array<std::uint8_t, 8> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(static_cast<std::uint16_t>(~0xddf2U), checksum_finish(checksum_sum(bytes)));
}

TEST(Checksum, OddSizesPadWithZero) {
  const std::array<std::uint8_t, 3> odd{1, 2, 3};
  const std::array<std::uint8_t, 4> even{1, 2, 3, 0};
  EXPECT_EQ(checksum_finish(checksum_sum(odd)), checksum_finish(checksum_sum(even)));
}

TEST(Checksum, UpdateEqualsRecomputation) {
  std::mt19937 random(1);
  for (int round = 0; round < 10'000; ++round) {
    std::array<std::uint8_t, 40> bytes;
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
    const std::uint16_t before = checksum_finish(checksum_sum(bytes));
    auto changed = bytes;
    for (std::size_t i = 8; i < 24; ++i) changed[i] = static_cast<std::uint8_t>(random());
    const std::uint16_t updated =
        checksum_update(before, std::span(bytes).subspan(8, 16), std::span(changed).subspan(8, 16));
    EXPECT_EQ(checksum_finish(checksum_sum(changed)), updated);
    const std::uint16_t word = checksum_update16(before, load_be16(bytes.data()), 0x1234);
    store_be16(bytes.data(), 0x1234);
    EXPECT_EQ(checksum_finish(checksum_sum(bytes)), word);
  }
}

}  // namespace
/// RFC 1071 section 4.1, word by word.
std::uint16_t slow_checksum(const std::vector<std::uint8_t>& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8U : 0U);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

TEST(Checksum, EverySizeGivesWhatTheRfcComputes) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 2000; ++size) {
    std::vector<std::uint8_t> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(size % 3 == 0 ? 0xff : random());
    EXPECT_EQ(checksum_finish(checksum_sum(bytes)), slow_checksum(bytes)) << size;
    EXPECT_EQ(checksum_fold(checksum_raw(bytes.data(), size)),
              __builtin_bswap16(static_cast<std::uint16_t>(~slow_checksum(bytes))))
        << size;
  }
}

}  // namespace sluice
