#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

class Arp : public RouteTest {
 protected:
  static Bytes request(std::string_view sender, std::string_view target,
                       MacAddress sender_mac = kTheirMac) {
    return packet()
        .ethernet(kBroadcast, kTheirMac)
        .arp(1, sender_mac, sender, MacAddress{}, target)
        .build();
  }
  static Bytes reply(std::string_view sender, MacAddress mac) {
    return packet().ethernet(kOurMac, mac).arp(2, mac, sender, kOurMac, "198.18.0.1").build();
  }
  /// Verdict and reason of one frame; its bytes afterwards are in `answer`.
  std::pair<Verdict, DropReason> receive(const Bytes& frame, PortId port = kWan) {
    TestBurst burst(harness, {frame}, port);
    run(burst);
    answer = burst.bytes(0);
    return {burst[0].verdict, burst[0].reason};
  }

  const std::pair<Verdict, DropReason> answered{Verdict::answered, DropReason::none};
  const std::pair<Verdict, DropReason> noted{Verdict::dropped, DropReason::neighbour_noted};
  const std::pair<Verdict, DropReason> malformed{Verdict::dropped, DropReason::arp_malformed};
  Bytes answer;
};

TEST_F(Arp, AnswersForOurAddresses) {
  for (const char* target : {"198.18.0.1", "198.18.0.53"}) {  // the port's own, a name server's
    EXPECT_EQ(answered, receive(request("198.18.0.2", target)));
    EXPECT_EQ(packet()
                  .ethernet(kTheirMac, kOurMac)
                  .arp(2, kOurMac, target, kTheirMac, "198.18.0.2")
                  .build(),
              answer);
  }
  EXPECT_EQ(NeighbourState::stale, state_of("198.18.0.2")) << "who asks will be talked to";
  EXPECT_EQ(kTheirMac, known_mac("198.18.0.2"));
}

TEST_F(Arp, KeepsVlanTagAndPadding) {
  EXPECT_EQ(answered, receive(packet()
                                  .ethernet(kBroadcast, kTheirMac)
                                  .vlan(7)
                                  .arp(1, kTheirMac, "198.18.0.2", MacAddress{}, "198.18.0.1")
                                  .pad_to(64)
                                  .build()));
  EXPECT_EQ(64U, answer.size());
  EXPECT_EQ(7, parsed(answer).vlan);
}

TEST_F(Arp, IsSilentAboutOtherAddresses) {
  EXPECT_EQ(noted, receive(request("198.18.0.2", "198.18.0.9")));
  EXPECT_EQ(noted, receive(request("198.18.0.2", "198.18.1.1"))) << "another port's network";
  EXPECT_EQ(noted, receive(request("198.18.0.2", "198.18.100.80"))) << "outside the port's network";
  EXPECT_EQ(NeighbourState::free, state_of("198.18.0.2"));
}

TEST_F(Arp, AnswersProbesAndLearnsNothingFromThem) {  // RFC 5227 section 2.1.1
  EXPECT_EQ(answered, receive(request("0.0.0.0", "198.18.0.1")));
  EXPECT_EQ(NeighbourState::free, state_of("0.0.0.0"));
}

TEST_F(Arp, GratuitousUpdatesWhoIsKnownOnly) {
  EXPECT_EQ(noted, receive(request("198.18.0.2", "198.18.0.2")));
  EXPECT_EQ(NeighbourState::free, state_of("198.18.0.2"));
  learn(kWan, "198.18.0.2", kBackendMac);
  EXPECT_EQ(noted, receive(request("198.18.0.2", "198.18.0.2")));
  EXPECT_EQ(kTheirMac, known_mac("198.18.0.2"));
  EXPECT_EQ(NeighbourState::stale, state_of("198.18.0.2"));
}

TEST_F(Arp, NobodyElseHasOurAddresses) {
  EXPECT_EQ(malformed, receive(request("198.18.0.1", "198.18.0.1"))) << "gratuitous claim";
  EXPECT_EQ(malformed, receive(request("198.18.0.53", "198.18.0.2")));
  EXPECT_EQ(malformed, receive(reply("198.18.100.80", kTheirMac)));
  EXPECT_EQ(NeighbourState::free, state_of("198.18.0.1"));
}

TEST_F(Arp, DoesNotLearnAddressesOfOtherNetworks) {
  EXPECT_EQ(answered, receive(request("10.0.0.9", "198.18.0.1")));
  EXPECT_EQ(NeighbourState::free, state_of("10.0.0.9"));
}

TEST_F(Arp, RefusesWhatIsNotEthernetAndIpv4) {
  const Bytes good = request("198.18.0.2", "198.18.0.1");
  for (const auto& [offset, value] : std::vector<std::pair<std::size_t, std::uint8_t>>{
           {15, 6}, {16, 9}, {18, 8}, {19, 16}, {21, 3}, {21, 0}}) {
    Bytes bad = good;
    bad[offset] = value;
    EXPECT_EQ(malformed, receive(bad)) << offset;
  }
  EXPECT_EQ(malformed, receive(request("198.18.0.2", "198.18.0.1", kBroadcast)));
  EXPECT_EQ(malformed, receive(request("198.18.0.2", "198.18.0.1", MacAddress{})));
  EXPECT_EQ(malformed, receive(request("224.0.0.1", "198.18.0.1")));
}

TEST_F(Arp, TheHostFindsEverythingBehindUs) {
  EXPECT_EQ(answered, receive(request("198.18.0.1", "198.18.0.2"), kHostPort));
  EXPECT_EQ(kGatewayMac, from(answer));
  EXPECT_EQ(kGatewayMac, mac_of(answer, 22));
  EXPECT_EQ(noted, receive(request("0.0.0.0", "198.18.0.1"), kHostPort)) << "its own address";
}

}  // namespace
}  // namespace sluice::route::test
