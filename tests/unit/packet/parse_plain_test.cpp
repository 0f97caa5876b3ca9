#include <random>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice {
namespace {

using test::Bytes;
using test::packet;

/// A packet's fields as one text.
std::string told(const Packet& p, DropReason reason) {
  std::string text(name_of(reason));
  const auto add = [&text](auto... values) {
    ((text += ' ' + std::to_string(static_cast<std::uint64_t>(values))), ...);
  };
  add(p.length, p.in_port, p.out_port, p.flags, p.ether_type, p.vlan, p.l3, p.ip_version, p.l4,
      p.payload, p.end, p.ttl, p.tcp_flags, p.icmp_type, p.icmp_code, p.verdict, p.reason,
      p.connection, p.stage, p.next_hop, p.rule, p.service, p.backend, p.flow, p.via == nullptr);
  return text + p.key.source.text() + p.key.destination.text() + std::to_string(p.key.source_port) +
         std::to_string(p.key.destination_port) + std::to_string(p.key.protocol);
}

TEST(ParsePlain, ReadsNothingBehindAFrameThatEndsInTheTcpHeader) {
  for (std::size_t size = 8; size < 20; ++size) {
    Bytes frame = packet().ip("198.18.0.2", "198.18.1.11").protocol(6).payload(Bytes(size)).build();
    frame.shrink_to_fit();
    Packet p;
    p.data = frame.data();
    p.length = p.room = static_cast<std::uint16_t>(frame.size());
    EXPECT_NE(parse(p), DropReason::none) << size;
  }
}

TEST(ParsePlain, ShortAndLongWayFindTheSame) {
  std::mt19937 random(11);
  const auto four = [] { return packet().ip("198.18.0.2", "198.18.1.11"); };
  const std::vector<Bytes> seeds{
      four().udp(5000, 53).payload("hello").build(),
      four().udp(7, 9).build(),
      four().udp(7, 9).payload(Bytes(300)).build(),
      four().tcp(5000, 80, tcp_flag::kSyn).build(),
      four().echo_request(77).payload("ping").build(),
      packet().ip("2001:2::2", "2001:2::1").udp(5000, 53).payload("hello").build()};
  unsigned plain = 0;
  for (int round = 0; round < 200'000; ++round) {
    Bytes frame = seeds[random() % seeds.size()];
    for (auto change = random() % 3; change != 0; --change)
      frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
    if (random() % 2 == 0 && frame.size() > 42) frame = test::with_checksums(frame);
    if (random() % 4 == 0) frame.resize(random() % (frame.size() + 20));
    frame.shrink_to_fit();  // so that AddressSanitizer sees a read past the end
    Packet a;
    a.data = frame.data();
    a.length = a.room = static_cast<std::uint16_t>(frame.size());
    a.flags = random() % 4 == 0 ? packet_flag::kL4ChecksumGood : std::uint16_t{0};
    Packet b = a;
    const DropReason reason = parse(a);
    const DropReason expected = parse_any(b);
    ASSERT_EQ(told(b, expected), told(a, reason)) << round;
    plain += reason == DropReason::none ? 1 : 0;
  }
  EXPECT_LT(50'000U, plain);
}

}  // namespace
}  // namespace sluice
