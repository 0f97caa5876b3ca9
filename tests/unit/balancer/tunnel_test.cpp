// The outer header, byte by byte, and what becomes of packets that it does not fit.
#include <random>
#include <set>

#include "dataplane/packet/bytes.hpp"
#include "tests/unit/balancer/tunnels.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;
using test::PacketBuilder;

/// Every family in every family. The backend has one address, so that it says which is outside.
struct Pair {
  const char *client, *service, *from, *to;
  std::uint8_t protocol;
  unsigned outer;
};
constexpr Pair kPairs[] = {
    {"198.18.0.2", "198.18.100.84", "198.18.1.1", "198.18.1.11", 4, 20},
    {"2001:2::2", "2001:2:0:100::84", "2001:2:0:1::1", "2001:2:0:1::11", 41, 40},
    {"198.18.0.2", "198.18.100.84", "2001:2:0:1::1", "2001:2:0:1::11", 4, 40},
    {"2001:2::2", "2001:2:0:100::84", "198.18.1.1", "198.18.1.11", 41, 20},
};

class TunnelPair : public ::testing::TestWithParam<int> {
 protected:
  const Pair& pair = kPairs[GetParam()];
  const bool inner_v4 = std::string_view(pair.client).find(':') == std::string_view::npos;
  const bool outer_v4 = pair.outer == 20;

  [[nodiscard]] PacketBuilder request(std::uint8_t ttl = 64) const {
    PacketBuilder builder = packet().ip(pair.client, pair.service).ttl(ttl);
    if (inner_v4) builder.do_not_fragment();
    return builder;
  }
  [[nodiscard]] Source source(Mode mode) const { return tunnel_source(mode, {pair.to}); }

  /// Clears the flow label.
  [[nodiscard]] Bytes without_label(Bytes network) const {
    if (!outer_v4) {
      network[3] = static_cast<std::uint8_t>(network[3] & 0xf0U);
      network[4] = network[5] = 0;
    }
    return network;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, TunnelPair, ::testing::Values(0, 1, 2, 3));

TEST_P(TunnelPair, IpInIpIsTheHeaderAndThePacketOneHopOlder) {
  TunnelLab lab(source(Mode::ipip));
  const auto sent = lab.wrap(request().tcp(5000, 80, tcp_flag::kAck).payload("hello").build());
  const Bytes inner =
      network_of(request(63).tcp(5000, 80, tcp_flag::kAck).payload("hello").build());
  PacketBuilder outer = packet().ip(pair.from, pair.to).protocol(pair.protocol).payload(inner);
  if (outer_v4) outer.do_not_fragment();
  Bytes expected = outer.build();
  if (outer_v4) {
    expected[18] = expected[19] = 0;  // the first identification
    expected = test::with_checksums(expected);
  }
  EXPECT_EQ(Bytes(expected.begin() + 12, expected.end()), without_label(sent.network()));
  EXPECT_EQ(Verdict::none, sent.packet.verdict);
  EXPECT_EQ(0U, sent.unfit.expired | sent.unfit.too_big);
}

TEST_P(TunnelPair, ThePacketIsTheOuterOneFromThenOn) {
  for (const Mode mode : {Mode::ipip, Mode::gue}) {
    TunnelLab lab(source(mode));
    auto sent = lab.wrap(request().tcp(5000, 80, tcp_flag::kSyn).build());
    Packet again = sent.packet;
    again.data = sent.bytes.data();
    again.flags = 0;
    ASSERT_EQ(DropReason::none, parse(again));
    EXPECT_EQ(again.key, sent.packet.key);
    EXPECT_EQ(again.l3, sent.packet.l3);
    EXPECT_EQ(again.l4, sent.packet.l4);
    EXPECT_EQ(again.end, sent.packet.end);
    EXPECT_EQ(again.payload, sent.packet.payload);
    EXPECT_EQ(again.ttl, sent.packet.ttl);
    EXPECT_EQ(again.ip_version, sent.packet.ip_version);
    EXPECT_EQ(again.ether_type, sent.packet.ether_type);
    EXPECT_EQ(mode == Mode::gue, sent.packet.has(packet_flag::kL4));
    EXPECT_TRUE(sent.packet.has(packet_flag::kTunnel));
    EXPECT_EQ(nullptr, sent.packet.via);
    EXPECT_EQ(address(pair.to), sent.packet.key.destination);
    EXPECT_EQ(1U, sent.packet.backend);
  }
}

TEST_P(TunnelPair, GueIsUdpWithThePacketInIt) {
  TunnelLab lab(source(Mode::gue));
  const Bytes frame = request().tcp(5000, 80, tcp_flag::kAck).payload("hello").build();
  const auto sent = lab.wrap(frame);
  const Bytes inner =
      network_of(request(63).tcp(5000, 80, tcp_flag::kAck).payload("hello").build());
  EXPECT_EQ(inner, sent.inner(pair.outer + 8));
  const std::uint8_t* udp = sent.bytes.data() + 14 + pair.outer;
  EXPECT_LE(0xc000, load_be16(udp));
  EXPECT_EQ(6080, load_be16(udp + 2));
  EXPECT_EQ(8 + inner.size(), load_be16(udp + 4));
  if (outer_v4) {
    EXPECT_EQ(0, load_be16(udp + 6)) << "RFC 768: none";
  } else {
    EXPECT_EQ(test::with_checksums(sent.bytes), sent.bytes);
  }
  EXPECT_EQ(load_be16(udp), load_be16(lab.wrap(frame).bytes.data() + 14 + pair.outer))
      << "a flow keeps its port";
}

TEST_P(TunnelPair, TheChecksumOfGueIsRightWhateverIsInside) {
  TunnelLab lab(source(Mode::gue));
  std::mt19937 random(7);
  for (int n = 0; n < 200; ++n) {
    PacketBuilder builder = request();
    Bytes payload(random() % 300);
    for (std::uint8_t& byte : payload) byte = static_cast<std::uint8_t>(random());
    const bool udp = random() % 2 == 0;
    if (random() % 4 == 0 && inner_v4) builder.ip_options({1, 1, 1, 1});
    if (random() % 4 == 0 && !inner_v4) builder.extension(60, Bytes(7));
    if (udp)
      builder.udp(static_cast<std::uint16_t>(random()), 7);
    else
      builder.tcp(static_cast<std::uint16_t>(random()), 80, tcp_flag::kAck);
    Bytes frame = builder.payload(payload).build();
    if (udp && inner_v4 && frame[14] == 0x45 && n % 3 == 0) frame[40] = frame[41] = 0;
    const auto sent = lab.wrap(frame);
    ASSERT_EQ(Verdict::none, sent.packet.verdict);
    if (!outer_v4) {
      ASSERT_EQ(test::with_checksums(sent.bytes), sent.bytes) << n;
    }
  }
}

TEST_P(TunnelPair, AChecksumThatIsWrongStaysWrongOutside) {
  if (outer_v4) return;  // has none outside
  TunnelLab lab(source(Mode::gue));
  Bytes frame = request().tcp(5000, 80).payload("hello").build();
  frame.back() = static_cast<std::uint8_t>(frame.back() + 1);
  const auto sent = lab.wrap(frame);
  EXPECT_EQ(frame.back(), sent.bytes.back());
  EXPECT_NE(test::with_checksums(sent.bytes), sent.bytes);
}

TEST_P(TunnelPair, DscpAndEcnAreCopied) {  // RFC 6040 section 4.1
  TunnelLab lab(source(Mode::ipip));
  Bytes frame = request().tcp(5000, 80).build();
  if (inner_v4) {
    frame[15] = 0xb9;
  } else {
    frame[14] = 0x6b;
    frame[15] = 0x90;
  }
  const auto sent = lab.wrap(test::with_checksums(frame));
  if (outer_v4) {
    EXPECT_EQ(0xb9, sent.bytes[15]);
  } else {
    EXPECT_EQ(0x6b9, load_be16(sent.bytes.data() + 14) >> 4U);
  }
  EXPECT_EQ(test::with_checksums(sent.bytes), sent.bytes);
}

TEST_P(TunnelPair, TheMtuIsKeptToTheByte) {
  for (const Mode mode : {Mode::ipip, Mode::gue}) {
    TunnelLab lab(source(mode));
    lab.ways = [](const IpAddress&) { return Way{.mtu = 1400, .source = {}}; };
    lab.apply();
    const unsigned overhead = pair.outer + (mode == Mode::gue ? 8U : 0U);
    const unsigned header = (inner_v4 ? 20U : 40U) + 20U;
    const auto sized = [&](unsigned more) {
      return request().tcp(5000, 80).payload(Bytes(1400 - overhead - header + more)).build();
    };
    const auto fits = lab.wrap(sized(0));
    EXPECT_EQ(14U + 1400U, fits.bytes.size());
    EXPECT_EQ(0U, fits.unfit.too_big);
    const Bytes frame = sized(1);
    const auto unfit = lab.wrap(frame);
    EXPECT_EQ(1U, unfit.unfit.too_big);
    EXPECT_EQ(Verdict::none, unfit.packet.verdict);
    EXPECT_EQ(frame, unfit.bytes) << "as it came, to be quoted";
    EXPECT_EQ(1400 - overhead, mtu_within_tunnel(*lab.services, unfit.packet));
  }
}

TEST_P(TunnelPair, ATtlThatRunsOutIsNotWrapped) {
  TunnelLab lab(source(Mode::ipip));
  const Bytes frame = request(1).tcp(5000, 80).build();
  const auto sent = lab.wrap(frame);
  EXPECT_EQ(1U, sent.unfit.expired);
  EXPECT_EQ(frame, sent.bytes);
  const auto own = lab.wrap(frame, packet_flag::kFromHost);
  EXPECT_EQ(network_of(frame), own.inner(pair.outer)) << "the host's own packets keep their TTL";
}

TEST_P(TunnelPair, WithoutHeadroomThePacketIsMoved) {
  const Bytes frame = request().tcp(5000, 80).payload(Bytes(900, 7)).build();
  TunnelLab roomy(source(Mode::gue));
  const auto expected = roomy.wrap(frame);
  for (const std::uint16_t headroom :
       std::initializer_list<std::uint16_t>{0, 1, 27, 28, 47, 48, 49}) {
    TunnelLab lab(source(Mode::gue), 1, 0, {.headroom = headroom, .room = 2048});
    const auto sent = lab.wrap(frame);
    EXPECT_EQ(expected.network(), sent.network()) << headroom;
    EXPECT_LE(sent.packet.length, sent.packet.room);
  }
}

TEST_P(TunnelPair, ABufferThatIsFullIsDropped) {
  const Bytes frame = request().tcp(5000, 80).payload(Bytes(200, 7)).build();
  TunnelLab lab(source(Mode::ipip), 1, 0, {.headroom = 0, .room = 64});
  const auto sent = lab.wrap(frame);
  EXPECT_EQ(DropReason::tunnel_room, sent.packet.reason);
  EXPECT_EQ(Verdict::dropped, sent.packet.verdict);
}

TEST_P(TunnelPair, TagsAndPaddingStayBehind) {
  TunnelLab lab(source(Mode::ipip));
  const Bytes plain = request().udp(5000, 7).payload("x").build();
  const auto expected = lab.wrap(plain);
  lab.harness.context.ipv4_id = 0;
  const Bytes tagged = request().vlan(7).vlan(8).udp(5000, 7).payload("x").pad_to(120).build();
  const auto sent = lab.wrap(tagged);
  EXPECT_EQ(expected.network(), sent.network());
  EXPECT_EQ(14, sent.packet.l3);
  EXPECT_EQ(sent.packet.end, sent.packet.length);
}

TEST(Tunnel, WithoutDfNobodyIsTold) {  // RFC 2003 section 3.1
  TunnelLab lab(tunnel_source(Mode::ipip));
  const auto fits = lab.wrap(packet().ip("198.18.0.2", "198.18.100.84").udp(1, 7).build());
  EXPECT_EQ(0, fits.bytes[14 + 6]) << "the outer header may be fragmented too";
  const auto sent =
      lab.wrap(packet().ip("198.18.0.2", "198.18.100.84").udp(1, 7).payload(Bytes(1460)).build());
  EXPECT_EQ(DropReason::too_big, sent.packet.reason);
  EXPECT_EQ(0U, sent.unfit.too_big);
}

TEST(Tunnel, Ipv6IsNotToldOfLessThanEveryLinkCarries) {  // RFC 8200 section 5
  TunnelLab lab(tunnel_source(Mode::ipip));
  lab.ways = [](const IpAddress&) { return Way{.mtu = 1300, .source = {}}; };
  lab.apply();
  const auto sized = [](unsigned size) {
    return packet().ip("2001:2::2", "2001:2:0:100::84").udp(1, 7).payload(Bytes(size - 48)).build();
  };
  EXPECT_EQ(1U, lab.wrap(sized(1281)).unfit.too_big);
  EXPECT_EQ(1280, mtu_within_tunnel(*lab.services, lab.wrap(sized(1281)).packet));
  EXPECT_EQ(DropReason::too_big, lab.wrap(sized(1280)).packet.reason);
  EXPECT_EQ(DropReason::none, lab.wrap(sized(1260)).packet.reason);
}

TEST(Tunnel, TheFirstFragmentGoesAsItIs) {
  TunnelLab lab(tunnel_source(Mode::gue, {"2001:2:0:1::11"}));
  const Bytes frame = packet()
                          .ip("198.18.0.2", "198.18.100.84")
                          .fragment(0, true)
                          .udp(1, 7)
                          .payload(Bytes(64))
                          .build();
  const auto sent = lab.wrap(frame);
  EXPECT_EQ(test::with_checksums(sent.bytes), sent.bytes);
  EXPECT_FALSE(sent.packet.has(packet_flag::kFragment));
}

TEST(Tunnel, TheSourceFollowsTheFlow) {
  for (const bool v4 : {true, false}) {
    Source source = tunnel_source(Mode::ipip);
    source.services[0].tunnel.sources = {prefix("172.16.0.0/16"), prefix("2001:db8:5::/64")};
    TunnelLab lab(source);
    std::set<std::string> seen;
    for (std::uint16_t port = 1000; port < 1200; ++port) {
      const Bytes frame =
          packet()
              .ip(v4 ? "198.18.0.2" : "2001:2::2", v4 ? "198.18.100.84" : "2001:2:0:100::84")
              .tcp(port, 80)
              .build();
      const auto first = lab.wrap(frame);
      const IpAddress from = first.packet.key.source;
      EXPECT_TRUE(source.services[0].tunnel.sources[v4 ? 0 : 1].contains(from)) << from.text();
      EXPECT_EQ(from, lab.wrap(frame).packet.key.source);
      EXPECT_EQ(test::with_checksums(first.bytes), first.bytes);
      seen.insert(from.text());
    }
    EXPECT_LT(190U, seen.size());
  }
}

TEST(Tunnel, TheLeavingPortGivesTheSource) {
  Source source = tunnel_source(Mode::ipip, {"198.18.1.11"});
  for (ServiceSource& service : source.services) service.tunnel.sources.clear();
  SlotRegistry slots(1024);
  const auto without = compile(source, slots);
  ASSERT_FALSE(without);
  EXPECT_NE(std::string::npos, without.error()[0].text().find("no source for the tunnel"));
  const auto with = compile(source, slots, [](const IpAddress& to) {
    EXPECT_EQ(address("198.18.1.11"), to);
    return Way{.mtu = 1500, .source = address("198.18.1.1")};
  });
  ASSERT_TRUE(with);
  EXPECT_TRUE((*with)->is_tunnel(address("198.18.1.1"), address("198.18.1.11")));
  EXPECT_FALSE((*with)->is_tunnel(address("198.18.1.2"), address("198.18.1.11")));
  EXPECT_FALSE((*with)->is_tunnel(address("198.18.1.1"), address("198.18.1.12")));
}

TEST(Tunnel, ErrorsAboutWhatTheBackendSentGoThere) {
  TunnelLab lab(tunnel_source(Mode::ipip));
  const Bytes answer = packet().ip("198.18.100.84", "198.18.0.2").tcp(80, 5000).build();
  const Bytes error = packet()
                          .ip("198.18.7.7", "198.18.100.84")
                          .icmp(3, 4, 1400)
                          .payload(Bytes(answer.begin() + 14, answer.begin() + 42))
                          .build();
  const auto sent = lab.wrap(error);
  EXPECT_EQ(address("198.18.1.11"), sent.packet.key.destination);
  EXPECT_FALSE(sent.packet.has(packet_flag::kIcmpError)) << "it is about the outer header now";
  Bytes inner = network_of(error);
  inner[8] = 63;
  EXPECT_EQ(Bytes(inner.begin() + 12, inner.end()),
            Bytes(sent.bytes.begin() + 46, sent.bytes.end()));
}

TEST(Tunnel, AFlowKeepsItsWayWhileThereIsOne) {
  const auto frame = [](std::uint16_t port, std::uint8_t flags) {
    return packet().ip("198.18.0.2", "198.18.100.84").tcp(port, 80, flags).build();
  };
  TunnelLab lab(tunnel_source(Mode::ipip));
  static_cast<void>(lab.wrap(frame(5000, tcp_flag::kSyn)));
  lab.source.services[0].mode = Mode::direct_return;
  lab.apply();
  EXPECT_FALSE(lab.wrap(frame(5000, tcp_flag::kAck)).packet.has(packet_flag::kTunnel));
  static_cast<void>(lab.wrap(frame(5001, tcp_flag::kSyn)));
  lab.source.services[0].mode = Mode::gue;
  lab.apply();
  EXPECT_TRUE(lab.wrap(frame(5001, tcp_flag::kAck)).packet.has(packet_flag::kTunnel));
  lab.source.services[0].mode = Mode::nat;
  lab.apply();
  EXPECT_EQ(DropReason::service_gone, lab.wrap(frame(5000, tcp_flag::kAck)).packet.reason);
  const auto anew = lab.wrap(frame(5000, tcp_flag::kSyn));
  EXPECT_EQ(address("198.18.1.11"), anew.packet.key.destination);
  EXPECT_FALSE(anew.packet.has(packet_flag::kTunnel));
}

TEST(Tunnel, MistakesAreNamed) {
  struct Case {
    void (*change)(ServiceSource&);
    const char* text;
  };
  const Case cases[] = {
      {[](ServiceSource& s) { s.backends[0].port = 81; }, "a tunnel cannot change the port"},
      {[](ServiceSource& s) { s.tunnel.port = 0; }, "port 0 is no port of GUE"},
      {[](ServiceSource& s) { s.tunnel.sources[0].length = 24; }, "bits set after its length"},
      {[](ServiceSource& s) { s.tunnel.sources[1] = prefix("10.0.0.0/8"); },
       "more than one source"},
  };
  for (const Case& c : cases) {
    Source source = tunnel_source(Mode::gue, {"198.18.1.11"});
    c.change(source.services[0]);
    SlotRegistry slots(1024);
    const auto compiled = compile(source, slots);
    ASSERT_FALSE(compiled) << c.text;
    EXPECT_NE(std::string::npos, compiled.error()[0].text().find(c.text))
        << compiled.error()[0].text();
  }
}

}  // namespace
}  // namespace sluice::balancer
