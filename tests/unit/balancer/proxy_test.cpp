// PROXY headers: the bytes, and numbers that agree on both sides whatever is lost.
#include <random>

#include <gtest/gtest.h>

#include "dataplane/balancer/proxy_header.hpp"
#include "dataplane/packet/bytes.hpp"
#include "tests/unit/balancer/full_nat.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

Bytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

Bytes header_of(unsigned version, const char* client, const char* service) {
  ProxyHeader out;
  const FlowKey key{address(client), address(service), 56324, 443, ip_protocol::kTcp};
  const unsigned size = write_proxy_header(version, key, out);
  return {out.begin(), out.begin() + size};
}

TEST(ProxyHeaders, AreThoseOfTheSpecification) {
  EXPECT_EQ(bytes_of("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"),
            header_of(1, "192.168.0.1", "192.168.0.11"));
  EXPECT_EQ(bytes_of("PROXY TCP6 2001:db8::1 2001:db8:1:2:3:4:5:6 56324 443\r\n"),
            header_of(1, "2001:db8::1", "2001:db8:1:2:3:4:5:6"));
  const Bytes signature{0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
  Bytes v4 = signature;
  for (const int b : {0x21, 0x11, 0, 12, 192, 168, 0, 1, 192, 168, 0, 11, 0xdc, 4, 1, 0xbb})
    v4.push_back(static_cast<std::uint8_t>(b));
  EXPECT_EQ(v4, header_of(2, "192.168.0.1", "192.168.0.11"));
  const Bytes v6 = header_of(2, "2001:db8::1", "2001:db8::2");
  ASSERT_EQ(52U, v6.size());
  EXPECT_EQ(0x21, v6[13]);
  EXPECT_EQ(36, v6[15]);
  EXPECT_EQ(1, v6[31]);
  EXPECT_EQ(2, v6[47]);
}

/// The longest there can be fits.
TEST(ProxyHeaders, OfTheLongestAddresses) {
  const char* longest = "fe80:1111:2222:3333:4444:5555:6666:7777";
  EXPECT_EQ(11 + 39 + 1 + 39 + 1 + 5 + 1 + 3 + 2, header_of(1, longest, longest).size());
}

Bytes payload_of(const Balancer::Outcome& o) {
  return {o.bytes.begin() + o.packet.payload, o.bytes.begin() + o.packet.end};
}
std::uint32_t sequence_of(const Balancer::Outcome& o) {
  return load_be32(o.bytes.data() + o.packet.l4 + 4);
}
std::uint32_t acknowledged_by(const Balancer::Outcome& o) {
  return load_be32(o.bytes.data() + o.packet.l4 + 8);
}

constexpr std::uint8_t kAck = tcp_flag::kAck, kRstAck = tcp_flag::kRst | tcp_flag::kAck,
                       kFinAck = tcp_flag::kFin | tcp_flag::kAck;

/// Family, version, and whether the client's address is kept (NAT).
struct Case {
  int family;
  unsigned version;
  bool nat;
};

class Proxy : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr std::uint32_t kFirst = 101;  ///< the client's first byte

  Proxy() {
    ServiceSource& web = lab.source.services[0];
    web.proxy = static_cast<std::uint8_t>(GetParam().version);
    if (GetParam().nat) web.mode = Mode::nat;
    lab.apply();
    ProxyHeader out;
    const FlowKey key{address(f.client), address(f.web), 5000, 80, ip_protocol::kTcp};
    const unsigned size = write_proxy_header(GetParam().version, key, out);
    header.assign(out.begin(), out.begin() + size);
  }

  Balancer::Outcome client(std::uint8_t flags, std::uint32_t sequence, std::string_view data = {},
                           const Bytes& options = {}) {
    auto sent = lab.send(packet()
                             .ip(f.client, f.web)
                             .tcp(5000, 80, flags, sequence, 901)
                             .tcp_options(options)
                             .payload(data)
                             .build());
    expect_sound(sent.bytes);
    return sent;
  }
  Balancer::Outcome backend(std::uint8_t flags, std::uint32_t acknowledgement,
                            const Bytes& options = {}, std::uint32_t sequence = 901) {
    auto back =
        lab.send(reply_to(syn.packet)
                     .tcp(8080, syn.packet.key.source_port, flags, sequence, acknowledgement)
                     .tcp_options(options)
                     .build());
    expect_sound(back.bytes);
    EXPECT_TRUE(back.packet.has(packet_flag::kRestored));
    return back;
  }
  void open(const Bytes& syn_options = {}) {
    syn = client(tcp_flag::kSyn, kFirst - 1, {}, syn_options);
    static_cast<void>(backend(kSynAck, kFirst, {2, 4, 0x05, 0xb4}, 900));
  }
  Bytes with_header(std::string_view data) const {
    Bytes all = header;
    all.insert(all.end(), data.begin(), data.end());
    return all;
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(header.size()); }

  const Ends& f = kEnds[GetParam().family];
  Balancer lab{full_nat_source()};
  Bytes header;
  Balancer::Outcome syn;
};
INSTANTIATE_TEST_SUITE_P(Kinds, Proxy,
                         ::testing::Values(Case{0, 1, false}, Case{0, 2, false}, Case{1, 1, false},
                                           Case{1, 2, false}, Case{0, 1, true}, Case{1, 2, true}));

TEST_P(Proxy, TheHandshakesAckCarriesTheHeader) {
  open();
  const auto ack = client(kAck, kFirst);
  EXPECT_EQ(header, payload_of(ack));
  EXPECT_EQ(kFirst, sequence_of(ack));
  const auto data = client(kAck, kFirst, "GET /");
  EXPECT_EQ(bytes_of("GET /"), payload_of(data));
  EXPECT_EQ(kFirst + size(), sequence_of(data));
  EXPECT_EQ(kFirst, acknowledged_by(backend(kAck, kFirst + size())));
  EXPECT_EQ(kFirst + 5, acknowledged_by(backend(kAck, kFirst + size() + 5)));
  const auto more = client(kAck, kFirst + 5, "more");
  EXPECT_EQ(kFirst + 5 + size(), sequence_of(more));
  EXPECT_EQ(bytes_of("more"), payload_of(more));
}

TEST_P(Proxy, ALostHeaderComesWithTheAckThatIsSentAgain) {
  open();
  static_cast<void>(client(kAck, kFirst));  // lost: the backend sends its SYN-ACK again
  EXPECT_EQ(kFirst, acknowledged_by(backend(kSynAck, kFirst, {}, 900)));
  EXPECT_EQ(header, payload_of(client(kAck, kFirst)));
}

TEST_P(Proxy, ALostHeaderComesWithTheFirstByteThatIsSentAgain) {
  open();
  static_cast<void>(client(kAck, kFirst));           // lost
  static_cast<void>(client(kAck, kFirst, "hello"));  // arrives, and waits for what is before it
  const Bytes sack = [&] {
    Bytes option{1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0};
    store_be32(&option[4], kFirst + size());
    store_be32(&option[8], kFirst + size() + 5);
    return option;
  }();
  const auto again = backend(kAck, kFirst, sack);
  EXPECT_EQ(kFirst, acknowledged_by(again));
  EXPECT_EQ(Bytes(12, 1), Bytes(again.bytes.begin() + again.packet.l4 + 20,
                                again.bytes.begin() + again.packet.payload))
      << "to the client its byte is not there";
  const auto both = client(kAck, kFirst, "hello");
  EXPECT_EQ(with_header("hello"), payload_of(both));
  EXPECT_EQ(kFirst, sequence_of(both));
  EXPECT_EQ(kFirst + 5, acknowledged_by(backend(kAck, kFirst + size() + 5)));
}

TEST_P(Proxy, ALostAckIsMadeUpForByTheFirstByte) {
  open();
  EXPECT_EQ(with_header("hello"), payload_of(client(kAck, kFirst, "hello")));
  EXPECT_EQ(bytes_of(" you"), payload_of(client(kAck, kFirst + 5, " you")));
}

TEST_P(Proxy, WhatHasNoRoomBesideTheHeaderIsSentAgainByTheClient) {
  open();
  const std::string full(1460, 'x');
  const auto first = client(kFinAck, kFirst, full);
  EXPECT_EQ(with_header(full.substr(size())), payload_of(first));
  EXPECT_FALSE((first.bytes[first.packet.l4 + 13] & tcp_flag::kFin) != 0) << "it follows the data";
  EXPECT_EQ(kFirst + 1460 - size(), acknowledged_by(backend(kAck, kFirst + 1460)));
  const auto rest = client(kFinAck, kFirst + 1460 - size(), full.substr(0, size()));
  EXPECT_EQ(kFirst + 1460, sequence_of(rest));
  EXPECT_TRUE((rest.bytes[rest.packet.l4 + 13] & tcp_flag::kFin) != 0);
}

TEST_P(Proxy, ABackendThatTakesLittleGetsLittle) {
  syn = client(tcp_flag::kSyn, kFirst - 1);
  static_cast<void>(backend(kSynAck, kFirst, {2, 4, 0, 200}, 900));
  const auto first = client(kAck, kFirst, std::string(150, 'x'));
  EXPECT_EQ(std::min<std::size_t>(200, size() + 150), payload_of(first).size());
}

TEST_P(Proxy, AFinCarriesItToo) {
  open();
  const auto fin = client(kFinAck, kFirst);
  EXPECT_EQ(header, payload_of(fin));
  EXPECT_EQ(kFirst, sequence_of(fin));
  EXPECT_TRUE((fin.bytes[fin.packet.l4 + 13] & tcp_flag::kFin) != 0);
  EXPECT_EQ(kFirst + 1, acknowledged_by(backend(kFinAck, kFirst + size() + 1)));
  EXPECT_EQ(kFirst + 1 + size(), sequence_of(client(kAck, kFirst + 1)));
}

TEST_P(Proxy, ResetsAreWhereTheBackendExpectsThem) {
  open();
  EXPECT_EQ(kFirst, sequence_of(client(kRstAck, kFirst))) << "the header never went";
  open();
  static_cast<void>(client(kAck, kFirst));
  EXPECT_EQ(kFirst + size(), sequence_of(client(kRstAck, kFirst)));
  EXPECT_TRUE(payload_of(client(kRstAck, kFirst)).empty());
}

TEST_P(Proxy, NothingOfTheClientsComesBeforeTheHeader) {
  // Fast Open with data, and Multipath TCP.
  const Bytes options{34, 6, 1, 2, 3, 4, 30, 4, 0, 1, 2, 4, 5, 180};
  syn = client(tcp_flag::kSyn, kFirst - 1, "early", options);
  EXPECT_TRUE(payload_of(syn).empty());
  const Bytes left{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5, 180};
  EXPECT_EQ(left,
            Bytes(syn.bytes.begin() + syn.packet.l4 + 20, syn.bytes.begin() + syn.packet.l4 + 34));
  static_cast<void>(backend(kSynAck, kFirst, {}, 900));
  EXPECT_EQ(with_header("early"), payload_of(client(kAck, kFirst, "early")));
}

TEST_P(Proxy, SelectiveAcknowledgementsMoveToo) {
  open();
  static_cast<void>(client(kAck, kFirst));
  static_cast<void>(backend(kAck, kFirst + size()));
  Bytes sack{1, 5, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  for (unsigned i = 0; i < 4; ++i) store_be32(&sack[3 + 4 * i], kFirst + size() + 10 * (i + 1));
  const auto moved = backend(kAck, kFirst + size() + 5, sack);
  EXPECT_EQ(kFirst + 5, acknowledged_by(moved));
  for (unsigned i = 0; i < 4; ++i)
    EXPECT_EQ(kFirst + 10 * (i + 1),
              load_be32(moved.bytes.data() + moved.packet.l4 + 20 + 3 + 4 * i));
}

TEST_P(Proxy, NumbersGoRound) {
  open();
  static_cast<void>(client(kAck, kFirst));
  static_cast<void>(backend(kAck, kFirst + size()));
  for (const std::uint32_t far : {0x7fff'ffffU, 0x8000'0100U, 0xffff'fff0U, 50U}) {
    EXPECT_EQ(far + size(), sequence_of(client(kAck, far, "x")));
    EXPECT_EQ(far, acknowledged_by(backend(kAck, far + size())));
  }
}

TEST_P(Proxy, ErrorsQuoteTheClientsNumbers) {
  open();
  static_cast<void>(client(kAck, kFirst));
  const auto data = client(kAck, kFirst, "abc");
  const std::uint8_t type = GetParam().family == 0 ? 3 : 2;
  const Bytes quoted(data.bytes.begin() + 14, data.bytes.end());
  const auto error = lab.send(packet()
                                  .ip(f.router, data.packet.key.source.text())
                                  .icmp(type, 4, 1400)
                                  .payload(quoted)
                                  .build());
  const Bytes sent =
      packet().ip(f.client, f.web).tcp(5000, 80, kAck, kFirst, 901).payload("abc").build();
  EXPECT_EQ(packet()
                .ip(f.router, f.client)
                .icmp(type, 4, 1400)
                .payload(Bytes(sent.begin() + 14, sent.end()))
                .build(),
            error.bytes);
}

TEST_P(Proxy, DamagedPacketsDecideNothing) {
  open();
  Bytes bad = packet().ip(f.client, f.web).tcp(5000, 80, kAck, kFirst, 901).build();
  bad[14 + f.ip + 16] ^= 0xff;
  static_cast<void>(lab.send(bad));
  EXPECT_EQ(with_header("hello"), payload_of(client(kAck, kFirst, "hello")))
      << "the header has not gone yet";
}

TEST_P(Proxy, WithoutRoomForTheHeaderAPacketIsDropped) {
  Balancer tight(lab.source, 1, 0, {.headroom = 0, .room = 96});
  const auto syn_sent =
      tight.send(packet().ip(f.client, f.web).tcp(5000, 80, tcp_flag::kSyn, 100).build());
  ASSERT_EQ(Verdict::none, syn_sent.packet.verdict);
  const auto ack = tight.send(packet().ip(f.client, f.web).tcp(5000, 80, kAck, 101, 901).build());
  const bool fits = 14 + f.ip + 20 + size() <= 96;
  EXPECT_EQ(fits ? DropReason::none : DropReason::tunnel_room, ack.packet.reason);
}

TEST_P(Proxy, WhatIsInMidStreamHasNoFlow) {
  EXPECT_EQ(DropReason::flow_unknown,
            lab.send(packet().ip(f.client, f.web).tcp(5000, 80, kAck).build()).packet.reason);
}

/// A client's bytes, sent in any pieces, any of them lost or late, and sent again from where the
/// backend's acknowledgements say: the backend's stream is the header and those bytes.
TEST_P(Proxy, TheBackendReadsTheHeaderAndTheClientsBytesWhateverIsLost) {
  std::mt19937 random(GetParam().version);
  std::string text(3000, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  for (int round = 0; round < 60; ++round) {
    Balancer fresh(lab.source);
    std::swap(lab.flows, fresh.flows);
    open();
    std::vector<int> stream(size() + text.size(), -1);
    std::size_t have = 0;  // bytes in order at the backend
    std::size_t told = 0;  // acknowledged to the client
    for (int step = 0; have < stream.size(); ++step) {
      ASSERT_LT(step, 5000);
      const std::size_t at = told + random() % 3 * 200;
      if (at > text.size()) continue;
      const bool bare = told == 0 && random() % 3 == 0;
      const std::string data = bare ? "" : text.substr(at, 1 + random() % 1400);
      const auto sent = client(kAck, static_cast<std::uint32_t>(kFirst + (bare ? 0 : at)), data);
      if (random() % 3 == 0) continue;  // lost
      const Bytes carried = payload_of(sent);
      ASSERT_LE(carried.size(), 1460U);
      for (std::size_t i = 0; i < carried.size(); ++i)
        stream.at(sequence_of(sent) - kFirst + i) = carried[i];
      while (have < stream.size() && stream[have] >= 0) ++have;
      if (random() % 3 == 0) continue;  // the acknowledgement is lost
      const auto back = backend(kAck, static_cast<std::uint32_t>(kFirst + have));
      told = acknowledged_by(back) - kFirst;
      ASSERT_EQ(have < size() ? 0 : have - size(), told);
    }
    EXPECT_EQ(with_header(text), Bytes(stream.begin(), stream.end()));
  }
}

}  // namespace
}  // namespace sluice::balancer
