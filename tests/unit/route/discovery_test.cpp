#include "dataplane/packet/bytes.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

class Discovery : public RouteTest {
 protected:
  explicit Discovery(const Source& source = lab()) : RouteTest(source) {}

  /// Verdict and reason of one frame; its bytes afterwards are in `answer`.
  std::pair<Verdict, DropReason> receive(const Bytes& frame, PortId port = kWan) {
    TestBurst burst(harness, {frame}, port);
    run(burst);
    answer = burst.bytes(0);
    return {burst[0].verdict, burst[0].reason};
  }
  static PacketBuilder from_client(std::string_view destination = "2001:2::1") {
    return packet().ip("2001:2::2", destination).ttl(255);
  }
  static PacketBuilder probe(std::string_view destination) {
    return packet().ip("::", destination).ttl(255);
  }

  const std::pair<Verdict, DropReason> answered{Verdict::answered, DropReason::none};
  const std::pair<Verdict, DropReason> noted{Verdict::dropped, DropReason::neighbour_noted};
  const std::pair<Verdict, DropReason> malformed{Verdict::dropped, DropReason::nd_malformed};
  Bytes answer;
};

TEST_F(Discovery, AnswersSolicitations) {  // RFC 4861 section 7.2.4
  for (const std::string& target :
       {std::string("2001:2::1"), std::string("2001:2::53"), link_local_of(kOurMac).text()}) {
    EXPECT_EQ(answered, receive(from_client().neighbour_solicitation(target, kTheirMac).build()));
    EXPECT_EQ(packet()
                  .ethernet(kTheirMac, kOurMac)
                  .ip(target, "2001:2::2")
                  .ttl(255)
                  .neighbour_advertisement(target, kOurMac, 0xe0)
                  .build(),
              answer);
  }
  EXPECT_EQ(NeighbourState::stale, state_of("2001:2::2"));
  EXPECT_EQ(kTheirMac, known_mac("2001:2::2"));
}

TEST_F(Discovery, AnswersDuplicateAddressDetection) {  // RFC 4861 section 7.2.4, RFC 4862
  EXPECT_EQ(answered, receive(probe("ff02::1:ff00:1").neighbour_solicitation("2001:2::1").build()));
  const Packet p = parsed(answer);
  EXPECT_EQ(ip("ff02::1"), p.key.destination);
  EXPECT_EQ((MacAddress{{0x33, 0x33, 0, 0, 0, 1}}), to(answer));
  EXPECT_EQ(0xa0, p.l4_bytes()[4]) << "router, override, not solicited";
}

TEST_F(Discovery, IsSilentAboutOtherAddresses) {
  EXPECT_EQ(noted, receive(from_client().neighbour_solicitation("2001:2::9", kTheirMac).build()));
  EXPECT_EQ(noted,
            receive(from_client().neighbour_solicitation("2001:2:0:100::80", kTheirMac).build()));
  EXPECT_EQ(NeighbourState::free, state_of("2001:2::2"));
}

TEST_F(Discovery, DiscardsWhatSection71TellsTo) {
  const Bytes good = from_client().neighbour_solicitation("2001:2::1", kTheirMac).build();
  std::vector<Bytes> bad{
      packet()
          .ip("2001:2::2", "2001:2::1")

          .neighbour_solicitation("2001:2::1", kTheirMac)
          .ttl(254)
          .build(),
      from_client().neighbour_solicitation("ff02::1", kTheirMac).build(),
      probe("2001:2::1").neighbour_solicitation("2001:2::1").build(),
      probe("ff02::1:ff00:1").neighbour_solicitation("2001:2::1", kTheirMac).build(),
      from_client("ff02::1").neighbour_advertisement("2001:2::2", kTheirMac, 0x60).build(),
      from_client().neighbour_advertisement("ff02::1", kTheirMac).build(),
      from_client().icmp(135, 0).payload(Bytes(8)).build(),
      from_client().neighbour_solicitation("2001:2::1", MacAddress{{1, 0, 0, 0, 0, 1}}).build(),
      packet().ip("2001:2::2", "fe80::1").ttl(255).icmp(134, 0).payload(Bytes(8)).build(),
  };
  Bytes code = good;
  code[55] = 1;
  bad.push_back(with_checksums(code));
  Bytes empty_option = good;
  empty_option[79] = 0;
  bad.push_back(with_checksums(empty_option));
  Bytes long_option = good;
  long_option[79] = 2;
  bad.push_back(with_checksums(long_option));
  for (std::size_t i = 0; i < bad.size(); ++i) EXPECT_EQ(malformed, receive(bad[i])) << i;
}

TEST_F(Discovery, NeverInFragments) {  // RFC 6980
  EXPECT_EQ(malformed,
            receive(from_client().fragment(0, true).icmp(135, 0).payload(Bytes(24)).build()));
}

TEST_F(Discovery, NobodyElseHasOurAddresses) {
  EXPECT_EQ(malformed,
            receive(from_client().neighbour_advertisement("2001:2::1", kTheirMac).build()));
  EXPECT_EQ(malformed, receive(packet()
                                   .ip("2001:2:0:100::80", "2001:2::1")
                                   .ttl(255)
                                   .neighbour_solicitation("2001:2::1", kTheirMac)
                                   .build()));
  EXPECT_EQ(NeighbourState::free, state_of("2001:2::1"));
}

TEST_F(Discovery, RedirectsAndSolicitationsOfRoutersAreNotForUs) {
  EXPECT_EQ(DropReason::icmp_unhandled,
            receive(from_client().icmp(137, 0).payload(Bytes(32)).build()).second);
  EXPECT_EQ(DropReason::icmp_unhandled,
            receive(from_client("ff02::2").icmp(133, 0).build()).second);
}

TEST_F(Discovery, TheHostFindsEverythingBehindUs) {
  EXPECT_EQ(answered, receive(packet()
                                  .ip("2001:2::1", "ff02::1:ff00:2")
                                  .ttl(255)
                                  .neighbour_solicitation("2001:2::2", kHostMac)
                                  .build(),
                              kHostPort));
  EXPECT_EQ(kGatewayMac, from(answer));
  EXPECT_EQ(kGatewayMac, mac_of(answer, answer.size() - 6));
  EXPECT_EQ(noted,
            receive(probe("ff02::1:ff00:1").neighbour_solicitation("2001:2::1").build(), kHostPort))
      << "its own duplicate address detection";
}

/// A node whose wan port asks for a router.
class RouterDiscovery : public Discovery {
 protected:
  RouterDiscovery() : Discovery(asking()) {}

  static Source asking() {
    Source source = lab();
    source.ports[0].router_solicitation = true;
    return source;
  }
  static Bytes advertisement(std::uint16_t lifetime, std::string_view router = "fe80::99") {
    Bytes rest(8 + 8);  // reachable time, retransmission timer, source link-layer address
    rest[8] = 1;
    rest[9] = 1;
    std::copy(kTheirMac.bytes.begin(), kTheirMac.bytes.end(), rest.begin() + 10);
    return packet().ip(router, "ff02::1").ttl(255).icmp(134, 0, lifetime).payload(rest).build();
  }
  Verdict send() {
    return receive(packet().ip("2001:2:0:1::11", "2001:db8:77::1").udp(1, 2).build(), kLan).first;
  }
};

TEST_F(RouterDiscovery, AsksThreeTimesUntilARouterAnswers) {  // RFC 4861 section 6.3.7
  live(60 * kSecond);
  auto asked = emitted();
  ASSERT_EQ(3U, asked.size());
  const Packet p = parsed(asked[0].bytes);
  EXPECT_EQ(kWan, asked[0].port);
  EXPECT_EQ(133, p.icmp_type);
  EXPECT_EQ(255, p.ttl);
  EXPECT_EQ(ip("ff02::2"), p.key.destination);
  EXPECT_EQ(link_local_of(kOurMac), p.key.source);
}

TEST_F(RouterDiscovery, AnAdvertisementEndsTheAsking) {
  EXPECT_EQ(noted, receive(advertisement(1800)));
  live(60 * kSecond);
  EXPECT_TRUE(emitted().empty());
}

TEST_F(RouterDiscovery, OnlyTheFirstWorkerAsks) {
  harness.context.worker = 1;
  live(20 * kSecond);
  EXPECT_TRUE(emitted().empty());
}

TEST_F(RouterDiscovery, DefaultRouteLastsForTheLifetime) {
  EXPECT_EQ(Verdict::answered, send()) << "no route";
  EXPECT_EQ(noted, receive(advertisement(100)));
  EXPECT_EQ(Verdict::sent, send());
  EXPECT_EQ(kTheirMac, to(answer));
  pass(101 * kSecond);
  EXPECT_EQ(Verdict::answered, send());
}

TEST_F(RouterDiscovery, LifetimeZeroEndsTheDefaultRoute) {
  EXPECT_EQ(noted, receive(advertisement(100)));
  EXPECT_EQ(noted, receive(advertisement(0)));
  EXPECT_EQ(Verdict::answered, send());
}

TEST_F(RouterDiscovery, ARouterThatBecomesAHostIsForgotten) {
  EXPECT_EQ(noted, receive(advertisement(100)));
  EXPECT_EQ(noted, receive(packet()
                               .ip("fe80::99", "2001:2::1")
                               .ttl(255)
                               .neighbour_advertisement("fe80::99", kTheirMac, 0x20)
                               .build()));
  EXPECT_EQ(Verdict::answered, send());
}

TEST_F(RouterDiscovery, OtherWorkersHearOfTheRouter) {
  EXPECT_EQ(noted, receive(advertisement(100)));
  std::array<NeighbourUpdate, 8> updates;
  const std::size_t count = neighbours.take_updates(updates);
  Neighbours other({}, HashSeed{});
  for (std::size_t i = 0; i < count; ++i) other.apply(harness.context, *table, updates[i]);
  ASSERT_NE(nullptr, other.default_router(harness.context.now, *table));
  EXPECT_EQ(ip("fe80::99"), other.default_router(harness.context.now, *table)->address);
}

TEST_F(RouterDiscovery, RoutersAreHeardOnlyWhereTheyWereAskedFor) {
  EXPECT_EQ(noted, receive(advertisement(100), kLan));
  EXPECT_EQ(nullptr, neighbours.default_router(harness.context.now, *table));
  EXPECT_EQ(malformed, receive(advertisement(100, "2001:2::99"))) << "not link-local";
}

}  // namespace
}  // namespace sluice::route::test
