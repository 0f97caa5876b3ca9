#include "dataplane/balancer/icmp_error.hpp"

#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

/// The IP packet of a frame, cut after its headers and `transport` bytes.
Bytes quote(const Bytes& frame, std::size_t headers, std::size_t transport) {
  return {frame.begin() + 14,
          frame.begin() + static_cast<std::ptrdiff_t>(14 + headers + transport)};
}

struct Family {
  const char *client, *service, *direct, *router;
  std::uint8_t type;
  std::size_t header;
};
constexpr Family kFamilies[] = {
    {"198.18.0.2", "198.18.100.80", "198.18.100.81", "198.18.7.7", 3, 20},
    {"2001:2::2", "2001:2:0:100::80", "2001:2:0:100::81", "2001:2:7::7", 2, 40}};

Bytes error_frame(const Family& f, std::string_view from, std::string_view to,
                  const Bytes& quoted) {
  return packet().ip(from, to).icmp(f.type, f.type == 3 ? 4 : 0, 1400).payload(quoted).build();
}

void expect_sound(const Bytes& frame) {
  EXPECT_EQ(test::with_checksums(frame), frame);
}

class IcmpError : public ::testing::TestWithParam<int> {
 protected:
  const Family& f = kFamilies[GetParam()];
  Balancer lab;
  Bytes request = packet().ip(f.client, f.service).tcp(5000, 80, tcp_flag::kSyn).build();
  Balancer::Outcome sent = lab.send(request);
  std::string backend = sent.packet.key.destination.text();
  Bytes reply =
      packet().ip(backend, f.client).tcp(8080, 5000, tcp_flag::kSyn | tcp_flag::kAck).build();
  Balancer::Outcome returned = lab.send(reply);
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpError, ::testing::Values(0, 1));

TEST_P(IcmpError, AboutARequestReachesTheClient) {  // icmp_ptb_v4_inner, icmp_ptb_v6_inner
  for (const std::size_t transport : {8U, 20U}) {
    const auto error =
        lab.send(error_frame(f, f.router, f.client, quote(sent.bytes, f.header, transport)));
    EXPECT_TRUE(error.packet.has(packet_flag::kRestored));
    EXPECT_EQ(address(f.router), error.packet.key.source);
    // The client finds in it exactly what it sent.
    EXPECT_EQ(error_frame(f, f.router, f.client, quote(request, f.header, transport)), error.bytes);
  }
}

TEST_P(IcmpError, OfTheBackendItselfComesFromTheService) {
  const auto error = lab.send(error_frame(f, backend, f.client, quote(sent.bytes, f.header, 8)));
  EXPECT_EQ(address(f.service), error.packet.key.source);
  expect_sound(error.bytes);
}

TEST_P(IcmpError, AboutAReplyReachesTheBackend) {
  for (const std::size_t transport : {8U, 20U}) {
    const auto error =
        lab.send(error_frame(f, f.router, f.service, quote(returned.bytes, f.header, transport)));
    EXPECT_TRUE(error.packet.has(packet_flag::kTranslated));
    EXPECT_EQ(address(backend), error.packet.key.destination);
    EXPECT_EQ(sent.packet.backend, error.packet.backend);
    EXPECT_EQ(error_frame(f, f.router, backend, quote(reply, f.header, transport)), error.bytes);
  }
}

TEST_P(IcmpError, InDirectReturnFollowsTheFlow) {
  const auto direct = lab.send(packet().ip(f.client, f.direct).tcp(5000, 8080, 2).build());
  const Bytes answer = packet().ip(f.direct, f.client).tcp(8080, 5000).build();
  const Bytes frame = error_frame(f, f.router, f.direct, quote(answer, f.header, 8));
  const auto error = lab.send(frame);
  EXPECT_EQ(frame, error.bytes);
  ASSERT_NE(nullptr, error.packet.via);
  EXPECT_EQ(*direct.packet.via, *error.packet.via);
}

TEST_P(IcmpError, InDirectReturnNeedsNoFlow) {
  const auto direct = lab.send(packet().ip(f.client, f.direct).tcp(5000, 8080, 2).build());
  Balancer another;  // behind the same address: it saw nothing of the flow
  const Bytes answer = packet().ip(f.direct, f.client).tcp(8080, 5000).build();
  const auto error = another.send(error_frame(f, f.router, f.direct, quote(answer, f.header, 8)));
  ASSERT_NE(nullptr, error.packet.via);
  EXPECT_EQ(*direct.packet.via, *error.packet.via);
}

TEST_P(IcmpError, WithTooLittleInsideIsLeftAlone) {
  const Bytes whole = quote(sent.bytes, f.header, 20);
  for (std::size_t size = 0; size < f.header + 8; ++size) {
    const Bytes frame =
        error_frame(f, f.router, f.client,
                    Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    const auto error = lab.send(frame);
    EXPECT_EQ(frame, error.bytes) << size;
    EXPECT_FALSE(error.packet.has(packet_flag::kRestored));
  }
}

TEST_P(IcmpError, AboutAnotherErrorIsLeftAlone) {  // nested ICMP
  const Bytes inner = error_frame(f, f.client, backend, quote(returned.bytes, f.header, 8));
  const Bytes frame = error_frame(f, f.router, f.client, Bytes(inner.begin() + 14, inner.end()));
  EXPECT_EQ(frame, lab.send(frame).bytes);
}

TEST_P(IcmpError, ToSomebodyElseThanTheSenderIsLeftAlone) {
  const char* third = GetParam() == 0 ? "198.18.0.3" : "2001:2::3";
  const Bytes frame = error_frame(f, f.router, third, quote(sent.bytes, f.header, 8));
  EXPECT_EQ(frame, lab.send(frame).bytes);
}

TEST_P(IcmpError, AboutAnUnknownFlowIsLeftToTheRoute) {
  const Bytes stray = packet().ip(f.service, f.client).tcp(81, 5000).build();
  const Bytes frame = error_frame(f, f.router, f.service, quote(stray, f.header, 8));
  const auto error = lab.send(frame);
  EXPECT_EQ(frame, error.bytes);
  EXPECT_EQ(Verdict::none, error.packet.verdict);
}

TEST(IcmpErrorV4, InnerOptionsAndFragments) {
  Balancer lab;
  const auto request = [](unsigned offset) {
    auto b = packet().ip("198.18.0.2", "198.18.100.80");
    if (offset != 0) return b.fragment(offset, true).protocol(6).payload("12345678").build();
    return b.ip_options({1, 1, 1, 1}).tcp(5000, 80, tcp_flag::kSyn).build();
  };
  const auto sent = lab.send(request(0));
  const Bytes frame = packet()
                          .ip("198.18.7.7", "198.18.0.2")
                          .icmp(3, 4, 1400)
                          .payload(quote(sent.bytes, 24, 8))
                          .build();
  const auto error = lab.send(frame);
  EXPECT_TRUE(error.packet.has(packet_flag::kRestored));
  EXPECT_EQ(quote(request(0), 24, 8), Bytes(error.bytes.begin() + 14 + 28, error.bytes.end()));

  const Bytes later = packet()
                          .ip("198.18.7.7", "198.18.0.2")
                          .icmp(3, 4, 1400)
                          .payload(quote(request(16), 20, 8))
                          .build();
  EXPECT_EQ(later, lab.send(later).bytes);
}

TEST(IcmpErrorV4, UdpChecksumInTheQuoteIsRestored) {
  Balancer lab;
  const Bytes request =
      packet().ip("198.18.0.2", "198.18.100.82").udp(5000, 7).payload("x").build();
  const auto sent = lab.send(request);
  const Bytes frame = packet()
                          .ip(sent.packet.key.destination.text(), "198.18.0.2")
                          .icmp(3, 3)
                          .payload(quote(sent.bytes, 20, 8))
                          .build();
  const auto error = lab.send(frame);
  EXPECT_EQ(quote(request, 20, 8), Bytes(error.bytes.begin() + 14 + 28, error.bytes.end()));
  EXPECT_EQ(address("198.18.100.82"), error.packet.key.source);
}

}  // namespace
}  // namespace sluice::balancer
