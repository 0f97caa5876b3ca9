#include "dataplane/balancer/rewrite.hpp"

#include <random>

#include <gtest/gtest.h>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;
using test::StageHarness;
using test::TestBurst;

IpAddress random_address(std::mt19937& random, bool v4) {
  if (v4) return IpAddress::v4(0x0a000000U | (random() & 0xffffffU));
  IpAddress a;
  for (auto& b : a.bytes) b = static_cast<std::uint8_t>(random());
  a.bytes[0] = 0x20;
  return a;
}

Bytes random_payload(std::mt19937& random) {
  Bytes bytes(random() % 64);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
  return bytes;
}

Bytes random_frame(std::mt19937& random, bool v4, bool tcp) {
  auto builder = packet();
  builder.ip(random_address(random, v4).text(), random_address(random, v4).text());
  if (v4 && random() % 4 == 0) builder.ip_options({1, 1, 1, 1});
  if (!v4 && random() % 4 == 0) builder.extension(60, {0, 1, 4, 0, 0, 0, 0});
  const auto source = static_cast<std::uint16_t>(random());
  const auto destination = static_cast<std::uint16_t>(random());
  if (tcp)
    builder.tcp(source, destination);
  else
    builder.udp(source, destination);
  return builder.payload(random_payload(random)).build();
}

/// The same frame, parsed afresh: its checksums must hold, and its key be the one expected.
void expect_sound(StageHarness& harness, const Bytes& frame, const Packet& p) {
  TestBurst again(harness, {frame});
  EXPECT_EQ(DropReason::none, again[0].reason);
  EXPECT_TRUE(again[0].key == p.key);
  EXPECT_TRUE(l4_checksum_right(again[0]));
  EXPECT_EQ(test::with_checksums(frame), frame);
}

TEST(Rewrite, EqualsRecomputation) {
  std::mt19937 random(7);
  StageHarness harness;
  for (int round = 0; round < 4000; ++round) {
    const bool v4 = random() % 2 == 0;
    const End end = random() % 2 == 0 ? End::source : End::destination;
    TestBurst burst(harness, {random_frame(random, v4, random() % 2 == 0)});
    ASSERT_EQ(DropReason::none, burst[0].reason);
    rewrite(burst[0], end, random_address(random, v4), static_cast<std::uint16_t>(random()));
    expect_sound(harness, burst.bytes(0), burst[0]);
  }
}

TEST(Rewrite, UdpWithoutChecksumStaysWithout) {
  StageHarness harness;
  Bytes frame = packet().ip("198.18.0.2", "198.18.100.82").udp(5000, 7).payload("x").build();
  store_be16(frame.data() + 14 + 20 + 6, 0);
  TestBurst burst(harness, {frame});
  rewrite(burst[0], End::destination, *IpAddress::parse("198.18.1.11"), 7);
  EXPECT_EQ(0, load_be16(burst[0].l4_bytes() + 6));
}

TEST(Rewrite, UdpChecksumThatComesToZeroIsSentAsOnes) {  // nat_csum_0_to_ffff
  StageHarness harness;
  const IpAddress backend = *IpAddress::parse("198.18.1.11");
  // Of all payload words one makes the sum come out at zero.
  bool seen = false;
  for (unsigned word = 0; word < 0x10000; ++word) {
    TestBurst burst(
        harness,
        {packet()
             .ip("198.18.0.2", "198.18.100.82")
             .udp(5000, 7)
             .payload(Bytes{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)})
             .build()});
    rewrite(burst[0], End::destination, backend, 7);
    const std::uint16_t checksum = load_be16(burst[0].l4_bytes() + 6);
    ASSERT_NE(0, checksum);
    if (checksum != 0xffff) continue;
    seen = true;
    expect_sound(harness, burst.bytes(0), burst[0]);
  }
  EXPECT_TRUE(seen);
}

TEST(Rewrite, WrongChecksumStaysWrong) {
  StageHarness harness;
  TestBurst burst(harness, {packet().ip("198.18.0.2", "198.18.100.80").tcp(5000, 80).build()});
  store_be16(burst[0].l4_bytes() + 16,
             static_cast<std::uint16_t>(load_be16(burst[0].l4_bytes() + 16) + 1));
  rewrite(burst[0], End::destination, *IpAddress::parse("198.18.1.11"), 8080);
  TestBurst again(harness, {burst.bytes(0)});
  EXPECT_FALSE(l4_checksum_right(again[0]));
}

}  // namespace
}  // namespace sluice::balancer
