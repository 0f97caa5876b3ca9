// Flows whose backend has drained for as long as it may.
#include <gtest/gtest.h>

#include "dataplane/packet/bytes.hpp"
#include "tests/unit/balancer/full_nat.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

struct Drain : ::testing::Test {
  Drain() {
    for (ServiceSource& service : lab.source.services) service.drain_timeout = 60 * kSecond;
  }
  Bytes client(std::uint8_t flags = tcp_flag::kAck, const std::string& service = "198.18.100.80",
               std::uint16_t port = 80) {
    return packet().ip("198.18.0.2", service).tcp(5000, port, flags, 1000, 2000).build();
  }
  Bytes server(std::uint8_t flags = tcp_flag::kAck) {
    return packet()
        .ip(backend.text(), "198.18.0.2")
        .tcp(8080, 5000, flags, 2000, 1000)
        .payload("data")
        .build();
  }
  void establish() {
    const auto sent = lab.send(client(tcp_flag::kSyn));
    backend = sent.packet.key.destination;
    name = lab.backend_of(sent.packet);
    static_cast<void>(lab.send(server(kSynAck)));
    static_cast<void>(lab.send(client()));
  }
  /// From now on, in the service of this index, the backend of the flow drains.
  void drain(std::size_t service = 0) {
    for (BackendSource& one : lab.source.services[service].backends) {
      if (one.name != name) continue;
      one.weight = 0;
      one.drains_since = lab.harness.context.now;
    }
    lab.apply();
  }
  static std::uint8_t flags_of(const Bytes& frame) { return frame[14 + 20 + 13]; }
  static std::uint32_t sequence_of(const Bytes& frame) { return load_be32(&frame[14 + 20 + 4]); }
  [[nodiscard]] std::uint64_t ended() {
    return lab.counted("service/web/flows_ended_by_drain").events;
  }

  Balancer lab;
  IpAddress backend;
  std::string name;
};

TEST_F(Drain, LetsFlowsFinishUntilThen) {
  establish();
  drain();
  lab.wait(59 * kSecond);
  EXPECT_EQ(name, lab.backend_of(lab.send(client()).packet));
  EXPECT_TRUE(lab.send(server()).packet.has(packet_flag::kRestored));
  EXPECT_TRUE(lab.harness.emitter.frames.empty());
  EXPECT_EQ(0U, ended());
}

TEST_F(Drain, WithoutATimeOutItNeverEnds) {
  establish();
  lab.source.services[0].drain_timeout.reset();
  lab.source.services[0].tcp_idle = 10 * 24 * 3600 * kSecond;
  lab.apply();
  static_cast<void>(lab.send(client()));
  drain();
  lab.wait(9 * 24 * 3600 * kSecond);
  EXPECT_EQ(name, lab.backend_of(lab.send(client()).packet));
}

TEST_F(Drain, WhatIsStillUnderWayIsAnsweredAndCountedOnce) {
  establish();
  drain();
  lab.wait(61 * kSecond);
  for (unsigned n = 0; n < 3; ++n) {
    static_cast<void>(lab.send(client()));
    static_cast<void>(lab.send(server()));
  }
  EXPECT_EQ(6U, lab.harness.emitter.frames.size());
  EXPECT_EQ(1U, ended());
  lab.wait(30 * kSecond);
  lab.flows->age(ticks_of(lab.harness.context.now), lab.flows->capacity());
  EXPECT_EQ(0U, lab.flows->size());
}

TEST_F(Drain, AResetPassesAndIsNotAnswered) {
  establish();
  drain();
  lab.wait(61 * kSecond);
  const auto onward = lab.send(client(tcp_flag::kRst));
  EXPECT_EQ(backend, onward.packet.key.destination);
  EXPECT_TRUE(lab.harness.emitter.frames.empty());
}

TEST_F(Drain, ANewHandshakeGoesElsewhere) {
  establish();
  drain();
  lab.wait(61 * kSecond);
  const auto sent = lab.send(client(tcp_flag::kSyn));
  EXPECT_NE(backend, sent.packet.key.destination);
  EXPECT_NE(0U, sent.packet.flow);
}

TEST_F(Drain, AWrongChecksumIsNotAnswered) {
  establish();
  drain();
  lab.wait(61 * kSecond);
  Bytes frame = client();
  frame.back() ^= 1U;
  EXPECT_EQ(DropReason::l4_checksum, lab.send(frame).packet.reason);
  EXPECT_TRUE(lab.harness.emitter.frames.empty());
}

TEST_F(Drain, DirectReturnIsForwardedNoMore) {
  const auto to = [&](std::uint8_t flags) { return client(flags, "198.18.100.81", 8080); };
  name = lab.backend_of(lab.send(to(tcp_flag::kSyn)).packet);
  static_cast<void>(lab.send(to(tcp_flag::kAck)));
  drain(1);
  lab.wait(59 * kSecond);
  EXPECT_EQ(DropReason::none, lab.send(to(tcp_flag::kAck)).packet.reason);
  lab.wait(2 * kSecond);
  EXPECT_EQ(DropReason::drain_over, lab.send(to(tcp_flag::kAck)).packet.reason);
  EXPECT_EQ(DropReason::drain_over, lab.send(to(tcp_flag::kFin | tcp_flag::kAck)).packet.reason);
  EXPECT_TRUE(lab.harness.emitter.frames.empty());
  EXPECT_EQ(1U, lab.counted("service/web-dsr/flows_ended_by_drain").events);
}

TEST_F(Drain, OverIpv6AndWithAVlanTagItIsTheSame) {
  const auto to_service = [](std::uint8_t flags) {
    return packet()
        .vlan(7)
        .ip("2001:2::2", "2001:2:0:100::80")
        .tcp(5000, 80, flags, 1000, 2000)
        .payload("more")
        .build();
  };
  const auto first = lab.send(to_service(tcp_flag::kSyn));
  backend = first.packet.key.destination;
  name = lab.backend_of(first.packet);
  drain();
  lab.wait(kSecond);
  lab.source.services[0].drain_timeout = kSecond;
  lab.apply();
  const auto onward = lab.send(to_service(tcp_flag::kAck));
  EXPECT_EQ(backend, onward.packet.key.destination);
  EXPECT_EQ(test::with_checksums(onward.bytes), onward.bytes);
  EXPECT_EQ(packet().vlan(7).ip("2001:2::2", backend.text()).tcp(5000, 8080).build().size(),
            onward.bytes.size());
  ASSERT_EQ(1U, lab.harness.emitter.frames.size());
  const Bytes expected = packet()
                             .ethernet(test::kTheirMac, test::kOurMac)
                             .vlan(7)
                             .ip("2001:2:0:100::80", "2001:2::2")
                             .tcp(80, 5000, tcp_flag::kRst, 2000, 0)
                             .build();
  const Bytes& back = lab.harness.emitter.frames[0].bytes;
  ASSERT_EQ(expected.size(), back.size());
  EXPECT_EQ(0, std::memcmp(expected.data(), back.data(), 18)) << "the same way back";
  EXPECT_EQ(0, std::memcmp(&expected[18 + 8], &back[18 + 8], 32 + 14)) << "addresses to flags";
  EXPECT_EQ(test::with_checksums(back), back);
}

TEST_F(Drain, WithoutABufferTheReceiverIsToldAllTheSame) {
  establish();
  drain();
  lab.wait(61 * kSecond);
  std::vector<Packet> taken;
  Packet p;
  test::TestBurst burst(lab.harness, {client()});
  while (lab.harness.pool.allocate(p)) taken.push_back(p);
  lab.run(burst);
  EXPECT_EQ(Verdict::none, burst[0].verdict);
  EXPECT_EQ(tcp_flag::kRst | tcp_flag::kAck, burst[0].tcp_flags);
  EXPECT_TRUE(lab.harness.emitter.frames.empty());
  for (Packet& one : taken) lab.harness.pool.release(one);
}

struct Translation {
  Mode mode;
  std::uint8_t proxy;  ///< version, or 0
};

/// Both ends of a connection whose numbers, addresses and ports may differ on the two sides.
class DrainOf : public Drain, public ::testing::WithParamInterface<Translation> {
 protected:
  static constexpr std::uint32_t kClient = 101, kServer = 901;  ///< first bytes

  DrainOf() {
    ServiceSource& web = lab.source.services[0];
    web.mode = GetParam().mode;
    web.proxy = GetParam().proxy;
    if (web.mode == Mode::full_nat) web.local.addresses = local_prefixes();
    lab.apply();
    syn = lab.send(from_client(tcp_flag::kSyn, kClient - 1)).packet;
    name = lab.backend_of(syn);
    static_cast<void>(lab.send(tcp_reply(syn, kSynAck, kServer - 1, kClient)));
    const auto third = lab.send(from_client(tcp_flag::kAck, kClient));
    shift = static_cast<std::uint32_t>(third.packet.end) - third.packet.payload;
    static_cast<void>(lab.send(from_backend()));
    drain();
    lab.wait(61 * kSecond);
  }
  Bytes from_client(std::uint8_t flags, std::uint32_t sequence, std::string_view data = {}) {
    return packet()
        .ip("198.18.0.2", "198.18.100.80")
        .tcp(5000, 80, flags, sequence, kServer)
        .payload(data)
        .build();
  }
  Bytes from_backend() { return tcp_reply(syn, tcp_flag::kAck, kServer, kClient + shift); }
  /// A reset as it is on the wire.
  static Bytes reset(const test::PacketBuilder& ends, std::uint16_t source,
                     std::uint16_t destination, std::uint8_t flags, std::uint32_t sequence,
                     std::uint32_t acknowledgement) {
    Bytes frame = test::PacketBuilder(ends)
                      .tcp(source, destination, flags, sequence, acknowledgement)
                      .build();
    store_be16(&frame[14 + 20 + 14], 0);  // window
    return test::with_checksums(frame);
  }
  /// What our answer, if it was one, says.
  Bytes answer() {
    EXPECT_EQ(1U, lab.harness.emitter.frames.size());
    return lab.harness.emitter.frames.empty() ? Bytes{} : lab.harness.emitter.frames[0].bytes;
  }

  static constexpr std::uint8_t kRstAck = tcp_flag::kRst | tcp_flag::kAck;
  Packet syn;
  std::uint32_t shift = 0;  ///< bytes of the PROXY header
};
INSTANTIATE_TEST_SUITE_P(Modes, DrainOf,
                         ::testing::Values(Translation{Mode::nat, 0}, Translation{Mode::nat, 2},
                                           Translation{Mode::full_nat, 0},
                                           Translation{Mode::full_nat, 1},
                                           Translation{Mode::full_nat, 2}));

TEST_P(DrainOf, TheClientsNextPacketEndsBothSides) {
  EXPECT_EQ(GetParam().proxy != 0, shift != 0);
  const FlowKey& way = syn.key;
  const auto onward = lab.send(from_client(tcp_flag::kAck, kClient, "data"));
  EXPECT_EQ(Verdict::none, onward.packet.verdict);
  EXPECT_EQ(reset(packet().ip(way.source.text(), way.destination.text()), way.source_port,
                  way.destination_port, kRstAck, kClient + shift, kServer),
            onward.bytes);
  EXPECT_EQ(
      reset(packet().ethernet(test::kTheirMac, test::kOurMac).ip("198.18.100.80", "198.18.0.2"), 80,
            5000, tcp_flag::kRst, kServer, 0),
      answer());
  EXPECT_EQ(1U, ended());
}

TEST_P(DrainOf, TheBackendsNextPacketDoesToo) {
  const auto onward = lab.send(from_backend());
  EXPECT_EQ(Verdict::none, onward.packet.verdict);
  EXPECT_EQ(reset(packet().ip("198.18.100.80", "198.18.0.2"), 80, 5000, kRstAck, kServer, kClient),
            onward.bytes);
  const FlowKey& way = syn.key;
  EXPECT_EQ(reset(packet()
                      .ethernet(test::kTheirMac, test::kOurMac)
                      .ip(way.source.text(), way.destination.text()),
                  way.source_port, way.destination_port, tcp_flag::kRst, kClient + shift, 0),
            answer());
  EXPECT_EQ(1U, ended());
}

TEST_P(DrainOf, TheLocalPortIsGivenBack) {
  static_cast<void>(lab.send(from_client(tcp_flag::kAck, kClient)));
  lab.wait(30 * kSecond);
  lab.flows->age(ticks_of(lab.harness.context.now), lab.flows->capacity());
  EXPECT_EQ(0U, lab.flows->size());
  EXPECT_EQ(0U, lab.counted("service/web/local_ports_in_use").events);
  const Backend& one = lab.services->backends()[syn.backend - 1];
  EXPECT_EQ(0U, flows_at(lab.harness.slots, one));
}

class DrainOfUdp : public Drain, public ::testing::WithParamInterface<Mode> {};
INSTANTIATE_TEST_SUITE_P(Modes, DrainOfUdp, ::testing::Values(Mode::nat, Mode::full_nat));

TEST_P(DrainOfUdp, GoesOnAtAnotherBackend) {
  lab.source.services[2].mode = GetParam();
  if (GetParam() == Mode::full_nat) lab.source.services[2].local.addresses = local_prefixes();
  lab.apply();
  const auto frame = packet().ip("198.18.0.2", "198.18.100.82").udp(5000, 7).build();
  const auto first = lab.send(frame);
  name = lab.backend_of(first.packet);
  const auto reply = reply_to(first.packet).udp(7, first.packet.key.source_port).build();
  static_cast<void>(lab.send(reply));
  drain(2);
  lab.wait(20 * kSecond);
  EXPECT_EQ(name, lab.backend_of(lab.send(frame).packet));
  lab.wait(20 * kSecond);
  EXPECT_EQ(name, lab.backend_of(lab.send(frame).packet));
  lab.wait(21 * kSecond);
  EXPECT_EQ(DropReason::drain_over, lab.send(reply).packet.reason);
  EXPECT_NE(name, lab.backend_of(lab.send(frame).packet));
  EXPECT_EQ(1U, lab.counted("service/echo/flows_ended_by_drain").events);
}

}  // namespace
}  // namespace sluice::balancer
