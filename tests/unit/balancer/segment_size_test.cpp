#include "dataplane/balancer/segment_size.hpp"

#include "dataplane/packet/bytes.hpp"
#include "tests/unit/balancer/tunnels.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

constexpr std::uint8_t kSynAck = tcp_flag::kSyn | tcp_flag::kAck;

Bytes with_options(const Bytes& options, std::uint8_t flags = tcp_flag::kSyn,
                   std::string_view from = "198.18.0.2", std::string_view to = "198.18.100.84",
                   std::uint16_t from_port = 5000, std::uint16_t to_port = 80) {
  return packet().ip(from, to).tcp(from_port, to_port, flags).tcp_options(options).build();
}

/// What clamping to 1400 makes of the frame.
Bytes clamped(Bytes frame) {
  Packet p;
  p.data = frame.data();
  p.length = static_cast<std::uint16_t>(frame.size());
  EXPECT_EQ(DropReason::none, parse(p));
  clamp_segment_size(p, 1400);
  return frame;
}

TEST(SegmentSize, IsLoweredWhereverItStands) {
  const Bytes mss{2, 4, 5, 180};  // 1460
  const Bytes lower{2, 4, 5, 120};
  for (std::size_t before = 0; before < 4; ++before) {
    Bytes options(before, 1);
    Bytes expected = options;
    options.insert(options.end(), mss.begin(), mss.end());
    expected.insert(expected.end(), lower.begin(), lower.end());
    EXPECT_EQ(with_options(expected), clamped(with_options(options))) << before;
  }
}

TEST(SegmentSize, IsNeverRaisedNorAdded) {
  for (const Bytes& options : {Bytes{}, Bytes{2, 4, 5, 120}, Bytes{2, 4, 2, 24}, Bytes{1, 1, 1, 1},
                               Bytes{0, 2, 4, 5, 180}}) {
    const Bytes frame = with_options(options);
    EXPECT_EQ(frame, clamped(frame));
  }
}

TEST(SegmentSize, MalformedOptionsAreLeftAlone) {
  for (const Bytes& options : {Bytes{2, 0, 5, 180}, Bytes{2, 1, 5, 180}, Bytes{2, 3, 5, 180},
                               Bytes{1, 1, 1, 2}, Bytes{1, 1, 2, 4}, Bytes{3, 9, 5, 180}}) {
    const Bytes frame = with_options(options);
    EXPECT_EQ(frame, clamped(frame));
  }
}

TEST(SegmentSize, IsOfHandshakesOnly) {
  const Bytes frame = with_options({2, 4, 5, 180}, tcp_flag::kAck);
  EXPECT_EQ(frame, clamped(frame));
}

/// The value that arrives, of a SYN into the tunnel or a SYN-ACK out of it.
unsigned through(TunnelLab& lab, bool v4, bool answer) {
  const char* client = v4 ? "198.18.0.2" : "2001:2::2";
  const char* service = v4 ? "198.18.100.84" : "2001:2:0:100::84";
  const Bytes frame = answer ? with_options({2, 4, 0x22, 0}, kSynAck, service, client, 80, 5000)
                             : with_options({2, 4, 0x22, 0}, tcp_flag::kSyn, client, service);
  const auto sent = lab.wrap(frame);
  return load_be16(sent.bytes.data() + sent.bytes.size() - 2);
}

TEST(SegmentSize, BothSidesOfAHandshakeFitTheTunnel) {
  struct Case {
    Mode mode;
    unsigned v4, v6;
  };
  for (const Case& c : {Case{Mode::ipip, 1500 - 20 - 40, 1500 - 40 - 60},
                        Case{Mode::gue, 1500 - 28 - 40, 1500 - 48 - 60}}) {
    TunnelLab lab(tunnel_source(c.mode));
    for (const bool answer : {false, true}) {
      EXPECT_EQ(c.v4, through(lab, true, answer));
      EXPECT_EQ(c.v6, through(lab, false, answer));
    }
  }
}

TEST(SegmentSize, IsLeftWhereTheConfigurationSaysSo) {
  Source source = tunnel_source(Mode::ipip);
  source.services[0].tunnel.clamp = false;
  TunnelLab lab(source);
  EXPECT_EQ(0x2200U, through(lab, true, false));
  EXPECT_EQ(0x2200U, through(lab, true, true));
}

}  // namespace
}  // namespace sluice::balancer
