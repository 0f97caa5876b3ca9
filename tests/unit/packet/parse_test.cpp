#include "dataplane/packet/parse.hpp"

#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice {
namespace {

using test::Bytes;
using test::packet;

/// Parses a frame in a heap block of exactly its size.
struct Parsed {
  explicit Parsed(const Bytes& frame, std::uint16_t flags = 0)
      : memory(std::make_unique<std::uint8_t[]>(frame.size())) {
    std::copy(frame.begin(), frame.end(), memory.get());
    p.data = memory.get();
    p.length = p.room = static_cast<std::uint16_t>(frame.size());
    p.flags = flags;
    reason = parse(p);
  }
  [[nodiscard]] bool sound() { return l4_checksum_right(p); }
  std::unique_ptr<std::uint8_t[]> memory;
  Packet p;
  DropReason reason = DropReason::none;
};

Bytes changed(Bytes frame, std::size_t at, std::uint8_t value) {
  frame.at(at) = value;
  return frame;
}
/// The same with checksums made right again, so that the lie itself is what is found.
Bytes lied(Bytes frame, std::size_t at, std::uint8_t value) {
  return test::with_checksums(changed(std::move(frame), at, value));
}
Bytes shortened(Bytes frame, std::size_t size) {
  frame.resize(size);
  return frame;
}

Bytes udp4() {
  return packet().ip("198.18.0.2", "198.18.1.11").udp(5000, 53).payload("hello").build();
}
Bytes tcp4() {
  return packet().ip("198.18.0.2", "198.18.1.11").tcp(5000, 80, tcp_flag::kSyn).build();
}
Bytes udp6() {
  return packet().ip("2001:2::2", "2001:2::1").udp(5000, 53).payload("hello").build();
}
Bytes tcp6() {
  return packet().ip("2001:2::2", "2001:2::1").tcp(5000, 80, tcp_flag::kSyn).build();
}
Bytes echo4() {
  return packet().ip("198.18.0.2", "198.18.0.1").echo_request(77).payload("ping").build();
}
Bytes echo6() {
  return packet().ip("2001:2::2", "2001:2::1").echo_request(77).payload("ping").build();
}
Bytes arp() {
  return packet().arp(1, test::kTheirMac, "198.18.0.2", MacAddress{}, "198.18.0.1").build();
}
/// Destination options of `units` times 8 bytes, padded with one PadN.
Bytes options(std::uint8_t units) {
  Bytes rest(units * 8U - 1U);
  rest[0] = static_cast<std::uint8_t>(units - 1);
  rest[1] = 1;
  rest[2] = static_cast<std::uint8_t>(units * 8U - 4U);
  return rest;
}
test::PacketBuilder from6() {
  return packet().ip("2001:2::2", "2001:2::1");
}
test::PacketBuilder from4() {
  return packet().ip("198.18.0.2", "198.18.1.11");
}

TEST(Parse, UdpOverIpv4) {
  Parsed parsed(udp4());
  ASSERT_EQ(parsed.reason, DropReason::none);
  const Packet& p = parsed.p;
  EXPECT_EQ(p.flags, packet_flag::kIp | packet_flag::kL4);
  EXPECT_EQ(p.ether_type, 0x0800);
  EXPECT_EQ(p.ip_version, 4);
  EXPECT_EQ(p.l3, 14);
  EXPECT_EQ(p.l4, 34);
  EXPECT_EQ(p.payload, 42);
  EXPECT_EQ(p.end, 47);
  EXPECT_EQ(p.ttl, 64);
  EXPECT_EQ(p.key.source.text(), "198.18.0.2");
  EXPECT_EQ(p.key.destination.text(), "198.18.1.11");
  EXPECT_EQ(p.key.source_port, 5000);
  EXPECT_EQ(p.key.destination_port, 53);
  EXPECT_EQ(p.key.protocol, ip_protocol::kUdp);
}

TEST(Parse, TcpOverIpv6BehindTwoTags) {
  Parsed parsed(packet()
                    .vlan(100, 0x88a8)
                    .vlan(7)
                    .ip("2001:2::2", "2001:2::1")
                    .extension(0, options(1))
                    .tcp(5000, 80, tcp_flag::kSyn | tcp_flag::kAck)
                    .tcp_options({2, 4, 5, 180})
                    .payload("x")
                    .build());
  ASSERT_EQ(parsed.reason, DropReason::none);
  const Packet& p = parsed.p;
  EXPECT_EQ(p.vlan, 100);
  EXPECT_EQ(p.l3, 22);
  EXPECT_EQ(p.l4, 22 + 40 + 8);
  EXPECT_EQ(p.payload, p.l4 + 24);
  EXPECT_EQ(p.end, p.payload + 1);
  EXPECT_TRUE(p.has(packet_flag::kIpOptions));
  EXPECT_EQ(p.tcp_flags, tcp_flag::kSyn | tcp_flag::kAck);
  EXPECT_EQ(p.key.destination_port, 80);
}

TEST(Parse, EchoIsAFlowNamedByItsIdentifierInBothDirections) {
  Parsed request(echo4());
  ASSERT_EQ(request.reason, DropReason::none);
  EXPECT_EQ(request.p.key.source_port, 77);
  EXPECT_EQ(request.p.key.destination_port, 77);
  Parsed reply(packet().ip("198.18.0.1", "198.18.0.2").icmp(0, 0, 77U << 16 | 1).build());
  EXPECT_EQ(reply.p.key, request.p.key.reversed());
  Parsed request6(echo6());
  ASSERT_EQ(request6.reason, DropReason::none);
  EXPECT_EQ(request6.p.icmp_type, 128);
  EXPECT_EQ(request6.p.key.source_port, 77);
}

TEST(Parse, IcmpErrorsAreMarked) {
  EXPECT_TRUE(Parsed(from4().icmp(3, 4, 1400).build()).p.has(packet_flag::kIcmpError));
  EXPECT_TRUE(Parsed(from6().icmp(2, 0, 1400).build()).p.has(packet_flag::kIcmpError));
  EXPECT_FALSE(Parsed(echo4()).p.has(packet_flag::kIcmpError));
}

TEST(Parse, ArpHasNoIp) {
  Parsed parsed(arp());
  ASSERT_EQ(parsed.reason, DropReason::none);
  EXPECT_EQ(parsed.p.ether_type, 0x0806);
  EXPECT_EQ(parsed.p.l3, 14);
  EXPECT_FALSE(parsed.p.has(packet_flag::kIp));
}

TEST(Parse, EthernetPaddingIsNotPayload) {
  Parsed parsed(from4().udp(1, 2).payload("x").pad_to(60).build());
  ASSERT_EQ(parsed.reason, DropReason::none);
  EXPECT_EQ(parsed.p.length, 60);
  EXPECT_EQ(parsed.p.end, 43);
}

TEST(Parse, FragmentsAreRecognised) {
  Parsed first(from4().fragment(0, true).udp(5000, 53).payload(Bytes(16)).build());
  ASSERT_EQ(first.reason, DropReason::none);
  EXPECT_TRUE(first.p.has(packet_flag::kFragment));
  EXPECT_TRUE(first.p.has(packet_flag::kL4));
  EXPECT_TRUE(first.sound());  // nothing can be told
  EXPECT_FALSE(first.p.has(packet_flag::kL4ChecksumGood));
  EXPECT_EQ(first.p.key.destination_port, 53);

  Parsed later(from4().fragment(1480, false).protocol(17).payload(Bytes(13)).build());
  ASSERT_EQ(later.reason, DropReason::none);
  EXPECT_TRUE(later.p.has(packet_flag::kLaterFragment));
  EXPECT_FALSE(later.p.has(packet_flag::kL4));
  EXPECT_EQ(later.p.key.destination_port, 0);
  EXPECT_EQ(later.p.key.protocol, ip_protocol::kUdp);

  Parsed first6(from6().fragment(0, true).udp(5000, 53).payload(Bytes(16)).build());
  ASSERT_EQ(first6.reason, DropReason::none);
  EXPECT_TRUE(first6.p.has(packet_flag::kFragment | packet_flag::kL4));
  Parsed later6(from6().fragment(1448, false).protocol(6).payload(Bytes(5)).build());
  ASSERT_EQ(later6.reason, DropReason::none);
  EXPECT_TRUE(later6.p.has(packet_flag::kLaterFragment));
}

TEST(Parse, AtomicFragmentIsAWholePacket) {  // RFC 6946
  Parsed parsed(from6().fragment(0, false).udp(5000, 53).payload("x").build());
  ASSERT_EQ(parsed.reason, DropReason::none);
  EXPECT_FALSE(parsed.p.has(packet_flag::kFragment));
  EXPECT_TRUE(parsed.sound());
  EXPECT_TRUE(parsed.p.has(packet_flag::kL4ChecksumGood));
}

TEST(Parse, AuthenticationHeaderCountsFourByteUnits) {  // RFC 4302 section 2.2
  Bytes rest(23);
  rest[0] = 4;  // (4 + 2) * 4 = 24 bytes
  Parsed parsed(from6().extension(51, rest).udp(5000, 53).payload("x").build());
  ASSERT_EQ(parsed.reason, DropReason::none);
  EXPECT_EQ(parsed.p.l4, 14 + 40 + 24);
  EXPECT_EQ(parsed.p.key.destination_port, 53);
}

TEST(Parse, ProtocolsWithoutPortsPass) {
  for (const std::uint8_t protocol : std::array<std::uint8_t, 7>{2, 47, 50, 59, 89, 132, 255}) {
    for (auto builder : {from4(), from6()}) {
      Parsed parsed(builder.protocol(protocol).payload("anything").build());
      EXPECT_EQ(parsed.reason, DropReason::none) << int{protocol};
      EXPECT_FALSE(parsed.p.has(packet_flag::kL4)) << int{protocol};
      EXPECT_EQ(parsed.p.key.protocol, protocol);
    }
  }
}

TEST(Parse, IcmpOfTheOtherFamilyIsJustAProtocol) {
  EXPECT_FALSE(Parsed(from4().protocol(58).payload(Bytes(8)).build()).p.has(packet_flag::kL4));
  EXPECT_FALSE(Parsed(from6().protocol(1).payload(Bytes(8)).build()).p.has(packet_flag::kL4));
}

TEST(Parse, UdpChecksumZeroMeansNoneOnlyOverIpv4) {  // RFC 768, RFC 8200 section 8.1
  Bytes v4 = udp4();
  store_be16(v4.data() + 40, 0);
  Parsed parsed(v4);
  EXPECT_EQ(parsed.reason, DropReason::none);
  EXPECT_TRUE(parsed.sound());
  Bytes v6 = udp6();
  store_be16(v6.data() + 60, 0);
  EXPECT_EQ(Parsed(v6).reason, DropReason::l4_checksum);
  EXPECT_EQ(Parsed(v6, packet_flag::kL4ChecksumGood).reason, DropReason::l4_checksum);
}

TEST(Parse, TrustsTheNicAboutTransportChecksums) {
  Bytes wrong = changed(tcp4(), 50, 0x12);
  EXPECT_FALSE(Parsed(wrong).sound());
  EXPECT_TRUE(Parsed(wrong, packet_flag::kL4ChecksumGood).sound());
}

TEST(Parse, LeavesChecksumsOfTcpAndUdpToThoseWhoNeedThem) {
  for (const Bytes& wrong : {changed(udp4(), 42, 'j'), changed(tcp6(), 70, 0xff)}) {
    Parsed parsed(wrong);
    EXPECT_EQ(parsed.reason, DropReason::none);
    EXPECT_FALSE(parsed.sound());
  }
}

TEST(Parse, AMessageOfZerosMayCarryEitherZeroAsItsChecksum) {
  for (const int checksum : {0x00, 0xff}) {
    Bytes reply = from4().protocol(1).payload(Bytes(8)).build();
    reply[36] = reply[37] = static_cast<std::uint8_t>(checksum);
    EXPECT_EQ(Parsed(reply).reason, DropReason::none) << checksum;
  }
}

TEST(Parse, ChecksumsOfAllSizesAreVerified) {
  for (std::size_t size = 0; size < 300; ++size) {
    Bytes payload(size);
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<std::uint8_t>(i * 7 + 1);
    for (const Bytes& frame :
         {from4().tcp(1, 2).payload(payload).build(), from6().udp(1, 2).payload(payload).build()}) {
      EXPECT_TRUE(Parsed(frame).sound()) << size;
      Bytes wrong = frame;
      wrong.back() ^= 0x10;
      EXPECT_FALSE(Parsed(wrong).sound()) << size;
    }
  }
}

TEST(Parse, WhatARoutingHeaderHidesIsNotVerified) {  // the last destination is in the header
  const Bytes segments{2, 4, 1, 0, 0, 0, 0, 0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
  Bytes frame = from6().extension(43, segments).udp(5000, 53).payload("x").build();
  frame.back() ^= 1;
  Parsed parsed(frame);
  EXPECT_EQ(parsed.reason, DropReason::none);
  EXPECT_TRUE(parsed.sound());
}

TEST(Parse, UnspecifiedSourceOnlyWhereNeighbourDiscoveryNeedsIt) {
  EXPECT_EQ(
      Parsed(packet().ip("::", "ff02::1:ff00:1").neighbour_solicitation("fe80::1").build()).reason,
      DropReason::none);
  EXPECT_EQ(Parsed(packet().ip("::", "2001:2::1").echo_request(1).build()).reason,
            DropReason::ip_source_invalid);
  EXPECT_EQ(Parsed(packet().ip("::", "2001:2::1").udp(1, 2).build()).reason,
            DropReason::ip_source_invalid);
}

struct Malformed {
  const char* what;
  DropReason reason;
  std::function<Bytes()> frame;
};

class ParseDrops : public testing::TestWithParam<Malformed> {};

TEST_P(ParseDrops, WithItsReason) {
  const Parsed parsed(GetParam().frame());
  EXPECT_EQ(name_of(parsed.reason), name_of(GetParam().reason)) << GetParam().what;
}

using enum DropReason;
INSTANTIATE_TEST_SUITE_P(
    Table, ParseDrops,
    testing::Values(
        Malformed{"empty", frame_truncated, [] { return Bytes{}; }},
        Malformed{"half an Ethernet header", frame_truncated, [] { return shortened(udp4(), 13); }},
        Malformed{"half a tag", frame_truncated,
                  [] { return shortened(packet().vlan(1).payload("").build(), 17); }},
        Malformed{"half an ARP packet", frame_truncated, [] { return shortened(arp(), 41); }},
        Malformed{"three tags", vlan_too_deep,
                  [] { return from4().vlan(1).vlan(2).vlan(3).udp(1, 2).build(); }},
        Malformed{"an unknown EtherType", ethertype_unknown,
                  [] { return packet().ether_type(0x88cc).payload("lldp").build(); }},
        Malformed{"an 802.3 length", ethertype_unknown,
                  [] { return packet().ether_type(46).payload(Bytes(46)).build(); }},
        Malformed{"IPv4 header cut", ip_header_malformed, [] { return shortened(udp4(), 33); }},
        Malformed{"IPv4 with version 6", ip_header_malformed,
                  [] { return lied(udp4(), 14, 0x65); }},
        Malformed{"IPv4 header length 4", ip_header_malformed,
                  [] { return lied(udp4(), 14, 0x44); }},
        Malformed{"IPv4 header longer than the packet", ip_header_malformed,
                  [] { return lied(udp4(), 14, 0x4f); }},
        Malformed{"IPv4 total length above the frame", ip_header_malformed,
                  [] { return lied(udp4(), 17, 34); }},
        Malformed{"IPv4 total length below the header", ip_header_malformed,
                  [] { return lied(udp4(), 17, 19); }},
        Malformed{"IPv4 option past the header", ip_header_malformed,
                  [] {
                    return from4().ip_options({7, 40, 4, 0}).udp(1, 2).build();
                  }},
        Malformed{"IPv4 option of length 1", ip_header_malformed,
                  [] {
                    return from4().ip_options({7, 1, 4, 0}).udp(1, 2).build();
                  }},
        Malformed{
            "IPv4 fragment past 65535", ip_header_malformed,
            [] { return from4().fragment(65'528, false).protocol(17).payload(Bytes(8)).build(); }},
        Malformed{"IPv4 middle fragment of odd size", ip_header_malformed,
                  [] { return from4().fragment(8, true).protocol(17).payload(Bytes(9)).build(); }},
        Malformed{"IPv6 header cut", ip_header_malformed, [] { return shortened(udp6(), 53); }},
        Malformed{"IPv6 with version 4", ip_header_malformed,
                  [] { return lied(udp6(), 14, 0x40); }},
        Malformed{"IPv6 payload length above the frame", ip_header_malformed,
                  [] { return lied(udp6(), 19, 14); }},
        Malformed{"IPv6 extension header cut", ip_header_malformed,
                  [] {
                    return from6().protocol(60).payload(Bytes{17, 1, 0, 0, 0, 0, 0, 0}).build();
                  }},
        Malformed{"IPv4 header checksum", ip_checksum, [] { return changed(udp4(), 24, 0); }},
        Malformed{"from multicast", ip_source_invalid,
                  [] { return packet().ip("224.0.0.1", "198.18.1.11").udp(1, 2).build(); }},
        Malformed{"from broadcast", ip_source_invalid,
                  [] { return packet().ip("255.255.255.255", "198.18.1.11").udp(1, 2).build(); }},
        Malformed{"from loopback", ip_source_invalid,
                  [] { return packet().ip("127.0.0.1", "198.18.1.11").udp(1, 2).build(); }},
        Malformed{"from 0.0.0.0", ip_source_invalid,
                  [] { return packet().ip("0.0.0.0", "198.18.1.11").udp(1, 2).build(); }},
        Malformed{"from ff02::1", ip_source_invalid,
                  [] { return packet().ip("ff02::1", "2001:2::1").udp(1, 2).build(); }},
        Malformed{"from ::1", ip_source_invalid,
                  [] { return packet().ip("::1", "2001:2::1").udp(1, 2).build(); }},
        Malformed{"from ::ffff:198.18.0.2", ip_source_invalid,
                  [] {
                    Bytes frame = udp6();
                    const auto mapped = IpAddress::v4(0xc6120002);
                    std::copy(mapped.bytes.begin(), mapped.bytes.end(), frame.begin() + 22);
                    return test::with_checksums(std::move(frame));
                  }},
        Malformed{"to ::ffff:198.18.0.2", not_routable,
                  [] {
                    Bytes frame = udp6();
                    const auto mapped = IpAddress::v4(0xc6120002);
                    std::copy(mapped.bytes.begin(), mapped.bytes.end(), frame.begin() + 38);
                    return test::with_checksums(std::move(frame));
                  }},
        Malformed{"to loopback", not_routable,
                  [] { return packet().ip("198.18.0.2", "127.0.0.1").udp(1, 2).build(); }},
        Malformed{"to ::1", not_routable,
                  [] { return packet().ip("2001:2::2", "::1").udp(1, 2).build(); }},
        Malformed{"loose source route", ip_source_route,
                  [] {
                    return from4().ip_options({131, 7, 4, 198, 18, 0, 9}).udp(1, 2).build();
                  }},
        Malformed{"strict source route behind a no-operation", ip_source_route,
                  [] {
                    return from4().ip_options({1, 137, 7, 4, 198, 18, 0, 9}).udp(1, 2).build();
                  }},
        Malformed{"routing header type 0", ip_source_route,
                  [] {
                    return from6().extension(43, {0, 0, 0, 0, 0, 0, 0}).udp(1, 2).build();
                  }},
        Malformed{"nine extension headers", ip6_extension_limit,
                  [] {
                    auto builder = from6();
                    for (int i = 0; i < 9; ++i) builder.extension(60, options(1));
                    return builder.udp(1, 2).build();
                  }},
        Malformed{"264 bytes of extension headers", ip6_extension_limit,
                  [] { return from6().extension(60, options(33)).udp(1, 2).build(); }},
        Malformed{
            "hop-by-hop options not first", ip6_extension_limit,
            [] {
              return from6().extension(60, options(1)).extension(0, options(1)).udp(1, 2).build();
            }},
        Malformed{"two fragment headers", ip6_extension_limit,
                  [] {
                    const Bytes atomic{0, 0, 0, 0, 0, 0, 1};
                    return from6().extension(44, atomic).extension(44, atomic).udp(1, 2).build();
                  }},
        Malformed{"TCP header cut", l4_truncated,
                  [] { return from4().protocol(6).payload(Bytes(19)).build(); }},
        Malformed{"TCP data offset 4", l4_truncated, [] { return lied(tcp4(), 46, 0x40); }},
        Malformed{"TCP data offset past the packet", l4_truncated,
                  [] { return lied(tcp6(), 66, 0xf0); }},
        Malformed{"UDP header cut", l4_truncated,
                  [] { return from4().protocol(17).payload(Bytes(7)).build(); }},
        Malformed{"UDP length below 8", l4_truncated, [] { return lied(udp4(), 39, 7); }},
        Malformed{"UDP length above the packet", l4_truncated, [] { return lied(udp4(), 39, 14); }},
        Malformed{"UDP length below the packet", l4_truncated, [] { return lied(udp6(), 59, 12); }},
        Malformed{"ICMP header cut", l4_truncated,
                  [] { return from4().protocol(1).payload(Bytes(7)).build(); }},
        Malformed{"nothing behind the IPv6 header", l4_truncated,
                  [] { return from6().protocol(6).build(); }},
        Malformed{"ICMP checksum", l4_checksum, [] { return changed(echo4(), 36, 0xff); }},
        Malformed{"ICMPv6 checksum", l4_checksum, [] { return changed(echo6(), 56, 0xff); }},
        Malformed{"first fragment without its TCP header", fragment_overlap,
                  [] { return from4().fragment(0, true).protocol(6).payload(Bytes(16)).build(); }},
        Malformed{"TCP fragment at offset 8", fragment_overlap,
                  [] { return from4().fragment(8, false).protocol(6).payload(Bytes(16)).build(); }},
        Malformed{"IPv6 first fragment without its chain", fragment_overlap,
                  [] {
                    return from6()
                        .fragment(0, true)
                        .protocol(60)
                        .payload(Bytes{17, 9, 0, 0, 0, 0, 0, 0})
                        .build();
                  }}),
    [](const testing::TestParamInfo<Malformed>& tested) {
      std::string name = tested.param.what;
      for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      return name;
    });

TEST(Parse, NoPrefixOfAPacketIsTakenForTheWholeOrReadPastItsEnd) {
  const std::vector<Bytes> golden{
      udp4(),
      tcp4(),
      udp6(),
      tcp6(),
      echo4(),
      echo6(),
      arp(),
      from6().extension(0, options(2)).extension(43, {0, 4, 0, 0, 0, 0, 0}).tcp(1, 2).build(),
      from4().vlan(5).ip_options({7, 7, 4, 1, 2, 3, 4}).tcp(1, 2).tcp_options({1, 1, 1}).build()};
  for (const Bytes& frame : golden) {
    EXPECT_EQ(Parsed(frame).reason, DropReason::none);
    for (std::size_t size = 0; size < frame.size(); ++size)
      EXPECT_NE(Parsed(shortened(frame, size)).reason, DropReason::none) << size;
  }
}

TEST(Parse, AnyBytesAreSafe) {
  std::mt19937 random(7);
  const std::vector<Bytes> seeds{
      udp4(), tcp6(), echo6(), arp(),
      from6().extension(0, options(2)).fragment(0, true).tcp(1, 2).build()};
  for (int round = 0; round < 200'000; ++round) {
    Bytes frame = seeds[random() % seeds.size()];
    for (auto flips = random() % 6; flips > 0; --flips)
      frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
    if (random() % 2 == 0) frame = test::with_checksums(std::move(frame));
    if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
    const Parsed parsed(frame);
    if (parsed.reason != DropReason::none) continue;
    ASSERT_LE(parsed.p.l3, parsed.p.l4);
    ASSERT_LE(parsed.p.l4, parsed.p.payload);
    ASSERT_LE(parsed.p.payload, parsed.p.end);
    ASSERT_LE(parsed.p.end, parsed.p.length);
  }
}

TEST(Parse, ABurstDropsTheMalformedAndKeepsTheRest) {
  test::StageHarness harness;
  test::TestBurst burst(harness, {udp4(), changed(udp4(), 24, 0), tcp6(), Bytes(3)});
  EXPECT_EQ(burst.burst.alive, 0b0101U);
  EXPECT_EQ(burst[1].verdict, Verdict::dropped);
  EXPECT_EQ(burst[1].reason, DropReason::ip_checksum);
  EXPECT_EQ(burst[3].reason, DropReason::frame_truncated);
}

}  // namespace
}  // namespace sluice
