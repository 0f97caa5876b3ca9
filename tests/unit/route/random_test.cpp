#include <random>

#include "dataplane/packet/checksum.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

/// Well-formed packets of many kinds, to spoil.
std::vector<Bytes> seeds() {
  const Bytes body(40, 0x11);
  return {
      packet().ip("198.18.0.2", "198.18.1.11").udp(1, 2).payload(body).build(),
      packet().ip("198.18.0.2", "203.0.113.9").ttl(1).tcp(1, 2).build(),
      packet().ip("198.18.0.2", "8.8.8.8").ip_options({7, 7, 4, 0, 0, 0, 0}).udp(1, 2).build(),
      packet().vlan(3).ip("198.18.0.2", "198.18.0.1").echo_request(1).payload(body).build(),
      packet().ip("198.18.0.2", "198.18.100.80").tcp(1, 2, tcp_flag::kSyn).build(),
      packet().ip("198.18.0.2", "198.18.1.12").icmp(3, 4).payload(body).build(),
      packet().arp(1, kTheirMac, "198.18.0.2", MacAddress{}, "198.18.0.1").build(),
      packet().arp(2, kTheirMac, "198.18.1.11", kOurMac, "198.18.1.1").build(),
      packet().ip("2001:2::2", "2001:2:0:1::11").udp(1, 2).payload(Bytes(1500)).build(),
      packet().ip("2001:2::2", "2001:db8::1").extension(0, {0, 1, 4, 0, 0, 0, 0}).tcp(1, 2).build(),
      packet()
          .vlan(1)
          .ip("2001:2::2", "2001:2::1")
          .ttl(255)
          .neighbour_solicitation("2001:2::1", kTheirMac)
          .build(),
      packet()
          .ip("2001:2:0:1::11", "2001:2:0:1::1")
          .ttl(255)
          .neighbour_advertisement("2001:2:0:1::11", kTheirMac)
          .build(),
      packet().ip("fe80::9", "ff02::1").ttl(255).icmp(134, 0, 1800).payload(body).build(),
      packet()
          .ip("2001:2::2", "2001:2:0:100::80")
          .fragment(0, true)
          .udp(1, 2)
          .payload(body)
          .build(),
  };
}

class RandomPackets : public RouteTest {
 protected:
  RandomPackets() : RouteTest(asking(), {.neighbours = 64, .unresolved = 8, .held = 16}) {}
  static Source asking() {
    Source source = lab();
    source.ports[0].router_solicitation = true;
    return source;
  }

  Bytes spoil(Bytes frame) {
    const unsigned changes = random_() % 4;
    for (unsigned i = 0; i < changes; ++i)
      frame[random_() % frame.size()] = static_cast<std::uint8_t>(random_());
    if (random_() % 8 == 0) frame.resize(random_() % (frame.size() + 1));
    if (frame.empty()) frame.push_back(0);
    return random_() % 4 == 0 ? frame : repaired(frame);
  }
  /// With right checksums, where the headers are whole enough, so that damage gets further.
  Bytes repaired(Bytes frame) {
    Packet p;
    p.data = frame.data();
    p.length = p.room = static_cast<std::uint16_t>(frame.size());
    const DropReason reason = parse(p);
    if (reason == DropReason::ip_checksum || reason == DropReason::l4_checksum ||
        (reason == DropReason::none && !l4_checksum_right(p)))
      return with_checksums(frame);
    return frame;
  }
  std::mt19937 random_{7};
};

TEST_F(RandomPackets, AlwaysGetAVerdictAndTheBooksBalance) {
  const std::vector<Bytes> good = seeds();
  for (int round = 0; round < 1'600; ++round) {
    std::vector<Bytes> frames;
    for (unsigned i = 0; i < kBurstMax; ++i) frames.push_back(spoil(good[random_() % good.size()]));
    TestBurst burst(harness, frames, static_cast<PortId>(random_() % 3));
    run(burst);
    for (unsigned i = 0; i < kBurstMax; ++i) {
      const Verdict verdict = burst[i].verdict;
      if (verdict != Verdict::answered && verdict != Verdict::sent) continue;
      Bytes frame = burst.bytes(i);
      if (verdict == Verdict::answered) static_cast<void>(parsed(frame));
      ASSERT_LE(burst[i].length, burst[i].room);
      ASSERT_NE(kNoPort, burst[i].out_port);
    }
    live(100 * kMillisecond);
    harness.emitter.frames.clear();
  }
  expect_balanced();
  live(60 * kSecond);
  EXPECT_EQ(0U, harness.books.held_now.value());
  EXPECT_EQ(0U, harness.pool.outstanding());
}

}  // namespace
}  // namespace sluice::route::test
