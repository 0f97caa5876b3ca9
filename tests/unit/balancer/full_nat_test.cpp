// Full NAT as clients and backends see it.
#include "tests/unit/balancer/full_nat.hpp"

#include <set>

#include <gtest/gtest.h>

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

class FullNat : public ::testing::TestWithParam<int> {
 protected:
  const Ends& f = kEnds[GetParam()];
  Balancer lab{full_nat_source()};

  Bytes syn(std::uint16_t port = 5000, const Bytes& options = {}) const {
    return packet()
        .ip(f.client, f.web)
        .tcp(port, 80, tcp_flag::kSyn, 100)
        .tcp_options(options)
        .build();
  }
  Bytes from_client(std::uint8_t flags, std::string_view data = {}, std::uint16_t port = 5000) {
    return packet().ip(f.client, f.web).tcp(port, 80, flags, 101, 901).payload(data).build();
  }
  bool is_local(const IpAddress& a) const {
    return prefix(GetParam() == 0 ? "198.18.2.0/30" : "2001:2:0:2::/126").contains(a);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, FullNat, ::testing::Values(0, 1));

TEST_P(FullNat, TcpForthAndBack) {
  const auto sent = lab.send(syn());
  ASSERT_EQ(Verdict::none, sent.packet.verdict) << name_of(sent.packet.reason);
  EXPECT_TRUE(sent.packet.has(packet_flag::kTranslated));
  EXPECT_TRUE(is_local(sent.packet.key.source)) << sent.packet.key.source.text();
  EXPECT_LE(1024, sent.packet.key.source_port);
  EXPECT_EQ(8080, sent.packet.key.destination_port);
  expect_sound(sent.bytes);

  const auto back = lab.send(tcp_reply(sent.packet, kSynAck));
  ASSERT_EQ(Verdict::none, back.packet.verdict);
  EXPECT_TRUE(back.packet.has(packet_flag::kRestored));
  EXPECT_FALSE(back.packet.has(packet_flag::kTranslated));
  EXPECT_EQ(packet().ip(f.web, f.client).tcp(80, 5000, kSynAck, 900, 101).build(), back.bytes);

  const auto data = lab.send(from_client(tcp_flag::kAck, "abc"));
  EXPECT_EQ(sent.packet.key, data.packet.key) << "the same local end";
  EXPECT_EQ(packet()
                .ip(sent.packet.key.source.text(), sent.packet.key.destination.text())
                .tcp(sent.packet.key.source_port, 8080, tcp_flag::kAck, 101, 901)
                .payload("abc")
                .build(),
            data.bytes);
  const SlotValue counted = lab.counted("service/web");
  EXPECT_EQ(2U, counted.events);
  EXPECT_EQ(1U, lab.counted("service/web/local_ports_in_use").events);
}

TEST_P(FullNat, UdpForthAndBackAndNoChecksumStaysNone) {
  const auto sent = lab.send(packet().ip(f.client, f.echo).udp(5000, 7).payload("x").build());
  ASSERT_EQ(Verdict::none, sent.packet.verdict);
  EXPECT_TRUE(is_local(sent.packet.key.source));
  expect_sound(sent.bytes);
  Bytes reply = reply_to(sent.packet).udp(7, sent.packet.key.source_port).payload("x").build();
  EXPECT_EQ(packet().ip(f.echo, f.client).udp(7, 5000).payload("x").build(), lab.send(reply).bytes);
  if (GetParam() != 0) return;  // over IPv6 there must be one
  reply[14 + 20 + 6] = reply[14 + 20 + 7] = 0;
  const Bytes back = lab.send(reply).bytes;
  EXPECT_EQ(0, back[14 + 20 + 6] | back[14 + 20 + 7]);
}

TEST_P(FullNat, TimestampsAreNotNegotiated) {
  const Bytes options{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7};
  const Bytes without{2, 4, 5, 180, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 7};
  const auto sent = lab.send(syn(5000, options));
  const std::size_t at = 14 + f.ip + 20;
  EXPECT_EQ(without, Bytes(sent.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                           sent.bytes.begin() + static_cast<std::ptrdiff_t>(at + 20)));
  expect_sound(sent.bytes);
}

TEST_P(FullNat, ErrorsAboutRequestsReachTheClient) {
  const auto sent = lab.send(syn());
  const std::uint8_t type = GetParam() == 0 ? 3 : 2;
  const auto quoted = [&](const Bytes& frame, unsigned transport) {
    return Bytes(frame.begin() + 14,
                 frame.begin() + static_cast<std::ptrdiff_t>(14 + f.ip + transport));
  };
  const std::string local = sent.packet.key.source.text();
  const std::string backend = sent.packet.key.destination.text();
  for (const unsigned transport : {8U, 20U}) {
    for (const std::string& from : {std::string(f.router), backend}) {
      const auto error = lab.send(packet()
                                      .ip(from, local)
                                      .icmp(type, 0, 1400)
                                      .payload(quoted(sent.bytes, transport))
                                      .build());
      EXPECT_EQ(packet()
                    .ip(from == backend ? f.web : f.router, f.client)
                    .icmp(type, 0, 1400)
                    .payload(quoted(syn(), transport))
                    .build(),
                error.bytes);
      EXPECT_TRUE(error.packet.has(packet_flag::kRestored));
    }
  }
}

TEST_P(FullNat, ErrorsAboutRepliesReachTheBackendFromTheLocalEnd) {
  const auto sent = lab.send(syn());
  const Bytes answer = tcp_reply(sent.packet, kSynAck);
  const auto back = lab.send(answer);
  const std::uint8_t type = GetParam() == 0 ? 3 : 2;
  const auto quoted = [&](const Bytes& frame) { return Bytes(frame.begin() + 14, frame.end()); };
  const auto error = lab.send(
      packet().ip(f.router, f.web).icmp(type, 0, 1400).payload(quoted(back.bytes)).build());
  EXPECT_EQ(packet()
                .ip(sent.packet.key.source.text(), sent.packet.key.destination.text())
                .icmp(type, 0, 1400)
                .payload(quoted(answer))
                .build(),
            error.bytes);
  EXPECT_TRUE(error.packet.has(packet_flag::kTranslated));
  // Without the flow nobody knows the backend's side of it.
  Balancer another(full_nat_source());
  const auto unknown = another.send(
      packet().ip(f.router, f.web).icmp(type, 0, 1400).payload(quoted(back.bytes)).build());
  EXPECT_FALSE(unknown.packet.has(packet_flag::kTranslated));
}

TEST_P(FullNat, WhatIsInMidStreamHasNoFlow) {
  const auto lost = lab.send(from_client(tcp_flag::kAck, "abc"));
  EXPECT_EQ(DropReason::flow_unknown, lost.packet.reason);
  EXPECT_EQ(Verdict::none, lost.packet.verdict) << "a reset answers it";
  EXPECT_FALSE(lost.packet.has(packet_flag::kTranslated));
  EXPECT_EQ(0U, lab.flows->stats().live.value());
}

TEST_P(FullNat, AnEndOfOneFlowServesOtherBackendsAtOnce) {
  lab.source.services[0].local.addresses = {prefix("198.18.2.1/32"), prefix("2001:2:0:2::1/128")};
  lab.source.services[0].local.first_port = lab.source.services[0].local.last_port = 2000;
  lab.apply();
  std::set<IpAddress> backends;
  unsigned refused = 0;
  for (std::uint16_t port = 1; port <= 60; ++port) {
    const auto sent = lab.send(syn(port));
    if (sent.packet.reason == DropReason::local_ports_exhausted) {
      ++refused;
      continue;
    }
    ASSERT_EQ(DropReason::none, sent.packet.reason);
    EXPECT_EQ(2000, sent.packet.key.source_port);
    EXPECT_TRUE(backends.insert(sent.packet.key.destination).second) << "one flow a backend";
  }
  EXPECT_EQ(3U, backends.size()) << "where one backend's port is taken, another is chosen";
  EXPECT_EQ(57U, refused);
  EXPECT_EQ(57U, lab.counted("service/web/local_ports_exhausted").events);
  EXPECT_EQ(3U, lab.counted("service/web/local_ports_in_use").events);
}

TEST_P(FullNat, ABackendThatIsGoneClosesItsFlows) {
  const auto sent = lab.send(syn());
  static_cast<void>(lab.send(tcp_reply(sent.packet, kSynAck)));
  lab.source.services[0].backends.clear();
  lab.apply();
  EXPECT_EQ(DropReason::service_gone, lab.send(from_client(tcp_flag::kAck)).packet.reason);
}

}  // namespace
}  // namespace sluice::balancer
