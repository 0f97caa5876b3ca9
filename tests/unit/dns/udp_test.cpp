// The stage: frames in, frames out, in the buffer that brought the query.
#include "dataplane/packet/checksum.hpp"
#include "tests/unit/dns/dns_harness.hpp"

namespace sluice::dns::test {
namespace {

using sluice::test::packet;
using sluice::test::PacketBuilder;
using sluice::test::TestBurst;
using testing::IsEmpty;
using testing::SizeIs;

struct UdpTest : testing::Test {
  UdpTest()
      : server({zone("www A 192.0.2.80\nwww AAAA 2001:db8::80\n" + many())},
               {{"main",
                 {*IpAddress::parse("198.18.100.53"), *IpAddress::parse("2001:2:0:100::53")},
                 53,
                 1232}}) {}

  static std::string many() {
    std::string out;
    for (int i = 0; i < 200; ++i) out += "many A 10.0.0." + std::to_string(i) + "\n";
    for (int i = 0; i < 50; ++i) out += "some A 10.0.1." + std::to_string(i) + "\n";
    return out;
  }
  static PacketBuilder from_client() {
    return packet().ip("198.18.0.2", "198.18.100.53").udp(5353, 53);
  }
  static PacketBuilder from_client6() {
    return packet().ip("2001:2::2", "2001:2:0:100::53").udp(5353, 53);
  }
  /// Runs the stage over the frames; all of them are for the name server.
  void run(TestBurst& burst) {
    answer(server.harness.context, *server.zones, burst.burst, burst.burst.alive);
  }
  /// What stands in the reply, which must parse like any packet.
  static std::optional<Answer> reply_in(TestBurst& burst, unsigned i) {
    Packet again;
    again.data = burst[i].data;
    again.length = burst[i].length;
    again.room = burst[i].room;
    EXPECT_EQ(parse(again), DropReason::none);
    EXPECT_EQ(again.key, burst[i].key);
    const auto l4 = load_be16(again.l4_bytes() + 6);
    EXPECT_NE(l4, 0);
    EXPECT_EQ(l4, l4_checksum(again));
    if (again.ip_version == 4) {
      EXPECT_EQ(load_be16(again.l3_bytes() + 10), ipv4_header_checksum(again));
    }
    return read({again.data + again.payload, std::size_t{again.end} - again.payload});
  }

  Server server;
};

TEST_F(UdpTest, AnswersNoQueryWhoseChecksumIsWrong) {
  std::vector<Bytes> frames;
  for (PacketBuilder builder : {from_client(), from_client6()}) {
    frames.push_back(builder.payload(query("www.example.test", "A")).build());
    frames.back().back() ^= 1;
  }
  TestBurst burst(server.harness, frames);
  run(burst);
  for (unsigned i = 0; i < 2; ++i) EXPECT_EQ(burst[i].reason, DropReason::l4_checksum);
}

TEST_F(UdpTest, AnswersInPlace) {
  for (const auto& builder : {from_client(), from_client6()}) {
    PacketBuilder b = builder;
    TestBurst burst(server.harness,
                    {b.payload(query("wWw.example.test", "AAAA", {.edns = true})).build()}, 3);
    run(burst);
    const Packet& p = burst[0];
    EXPECT_EQ(p.verdict, Verdict::answered);
    EXPECT_EQ(p.out_port, 3);
    EXPECT_EQ(p.key.source_port, 53);
    EXPECT_EQ(p.key.destination_port, 5353);
    EXPECT_EQ(std::memcmp(p.data, sluice::test::kTheirMac.bytes.data(), 6), 0);
    EXPECT_EQ(std::memcmp(p.data + 6, sluice::test::kOurMac.bytes.data(), 6), 0);
    EXPECT_EQ(p.ttl, 64);
    const auto a = reply_in(burst, 0);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->question, "wWw.example.test. AAAA");
    EXPECT_THAT(a->answer, testing::ElementsAre("wWw.example.test. 300 AAAA 2001:db8::80"));
    EXPECT_TRUE(a->edns);
    EXPECT_EQ(a->payload, 1232);
  }
}

TEST_F(UdpTest, TruncatesToTheAgreedSize) {  // RFC 2181 section 9: TC and empty sections
  struct Case {
    const char* name;
    QueryOptions options;
    bool truncated;
  };
  for (const Case& c : {Case{"some.example.test", {}, true},  // 512 without EDNS
                        Case{"some.example.test", {.edns = true, .payload = 100}, true},
                        Case{"some.example.test", {.edns = true, .payload = 1232}, false},
                        Case{"many.example.test", {.edns = true, .payload = 65535}, true}}) {
    TestBurst burst(server.harness, {from_client().payload(query(c.name, "A", c.options)).build()});
    run(burst);
    const auto a = reply_in(burst, 0);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->tc(), c.truncated) << c.name << " " << c.options.payload;
    EXPECT_EQ(a->answer.empty(), c.truncated);
    EXPECT_EQ(a->edns, c.options.edns);
  }
  EXPECT_THAT(server.ask("many.example.test", "A").answer, SizeIs(200));
}

TEST_F(UdpTest, WhatIsNoQueryIsDropped) {
  Bytes response = query("www.example.test", "A");
  response[2] |= 0x80;
  auto to_group = from_client();
  to_group.ethernet({{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, sluice::test::kTheirMac);
  TestBurst burst(server.harness,
                  {from_client().payload(response).build(),
                   from_client().payload(Bytes(11)).build(), from_client().payload("").build(),
                   packet()
                       .ip("198.18.0.2", "198.18.100.53")
                       .udp(0, 53)
                       .payload(query("www.example.test", "A"))
                       .build(),
                   to_group.payload(query("www.example.test", "A")).build()});
  run(burst);
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(burst[i].verdict, Verdict::dropped) << i;
    EXPECT_EQ(burst[i].reason, DropReason::dns_malformed) << i;
  }
}

TEST_F(UdpTest, OptionsAndTagsDoNotShiftTheReply) {
  auto tagged = from_client();
  tagged.vlan(7).vlan(8);
  auto options = from_client();
  options.ip_options({7, 7, 4, 0, 0, 0, 0});  // record route
  auto extension = from_client6();
  extension.extension(60, {0, 1, 4, 0, 0, 0, 0});  // destination options: padding
  TestBurst burst(server.harness,
                  {tagged.payload(query("www.example.test", "A")).build(),
                   options.payload(query("www.example.test", "A")).build(),
                   extension.payload(query("www.example.test", "A")).pad_to(200).build()});
  run(burst);
  for (unsigned i = 0; i < 3; ++i) {
    ASSERT_EQ(burst[i].verdict, Verdict::answered) << i;
    EXPECT_FALSE(burst[i].has(packet_flag::kIpOptions));
    const auto a = reply_in(burst, i);
    ASSERT_TRUE(a);
    EXPECT_THAT(a->answer, SizeIs(1));
  }
}

TEST_F(UdpTest, RefusalsAndErrorsAreNoLargerThanTheirQueries) {
  Bytes two = query("www.example.test", "A");
  two[5] = 2;
  Bytes notify = query("www.example.test", "SOA");
  notify[2] = 0x20;
  const std::vector<Bytes> asked = {query("www.example.net", "A"),
                                    query("www.example.net", "A", {.edns = true}),
                                    query("www.example.test", "A", {.edns = true, .version = 1}),
                                    query("www.example.test", "AXFR"),
                                    two,
                                    notify};
  std::vector<Bytes> frames;
  for (const Bytes& q : asked) frames.push_back(from_client().payload(q).build());
  TestBurst burst(server.harness, frames);
  run(burst);
  for (unsigned i = 0; i < asked.size(); ++i) {
    ASSERT_EQ(burst[i].verdict, Verdict::answered) << i;
    const auto a = reply_in(burst, i);
    ASSERT_TRUE(a);
    EXPECT_NE(a->rcode, 0) << i;
    EXPECT_LE(burst[i].end - burst[i].payload, asked[i].size()) << i;
  }
}

TEST_F(UdpTest, OnlyMaskedPacketsAreTouched) {
  const Bytes frame = from_client().payload(query("www.example.test", "A")).build();
  TestBurst burst(server.harness, {frame, frame});
  answer(server.harness.context, *server.zones, burst.burst, 2);
  EXPECT_EQ(burst[0].verdict, Verdict::none);
  EXPECT_EQ(burst.bytes(0), frame);
  EXPECT_EQ(burst[1].verdict, Verdict::answered);
}

TEST_F(UdpTest, AFullBurstIsAnsweredPacketByPacket) {
  std::vector<Bytes> frames;
  for (unsigned i = 0; i < kBurstMax; ++i) {
    const char* name = i % 2 == 0 ? "www.example.test" : "gone.example.test";
    frames.push_back(
        from_client().payload(query(name, "A", {.id = static_cast<std::uint16_t>(i)})).build());
  }
  TestBurst burst(server.harness, frames);
  run(burst);
  for (unsigned i = 0; i < kBurstMax; ++i) {
    const auto a = reply_in(burst, i);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->id, i);
    EXPECT_EQ(a->rcode, i % 2 == 0 ? rcode::kNoError : rcode::kNxDomain);
  }
}

TEST_F(UdpTest, CountersByZoneAndCode) {
  std::vector<Bytes> frames;
  for (const char* name : {"www.example.test", "www.example.test", "gone.example.test", "net"}) {
    frames.push_back(from_client().payload(query(name, "A")).build());
  }
  frames.push_back(from_client().payload(query("many.example.test", "A")).build());
  TestBurst burst(server.harness, frames);
  run(burst);
  const auto value = [&](std::string_view zone_name, std::string_view name) {
    for (const NamedCounter& c : counters(*server.zones)) {
      if (c.zone == zone_name && c.name == name) return server.harness.slots.read(c.slot).events;
    }
    return ~std::uint64_t{0};
  };
  EXPECT_EQ(value("example.test", "queries"), 4U);
  EXPECT_EQ(value("example.test", "noerror"), 3U);
  EXPECT_EQ(value("example.test", "nxdomain"), 1U);
  EXPECT_EQ(value("", "refused"), 1U);
  EXPECT_EQ(value("", "truncated"), 1U);
  EXPECT_EQ(value("", "formerr"), 0U);
}

TEST_F(UdpTest, ServesItsAddressesAndPort) {
  EXPECT_TRUE(serves(*server.zones, *IpAddress::parse("198.18.100.53"), 53));
  EXPECT_TRUE(serves(*server.zones, *IpAddress::parse("2001:2:0:100::53"), 53));
  EXPECT_FALSE(serves(*server.zones, *IpAddress::parse("198.18.100.53"), 5353));
  EXPECT_FALSE(serves(*server.zones, *IpAddress::parse("198.18.100.54"), 53));
}

}  // namespace
}  // namespace sluice::dns::test
