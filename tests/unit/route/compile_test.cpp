#include <functional>

#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

RouteKind kind_of(const Table& table, std::string_view destination, PortId in_port = kWan) {
  return table.next_hop(table.find(ip(destination), in_port)).kind;
}

TEST(Compile, OneLookUpTellsWhatADestinationIs) {
  const auto table = table_of(lab());
  EXPECT_EQ(RouteKind::connected, kind_of(*table, "198.18.1.11"));
  EXPECT_EQ(RouteKind::local, kind_of(*table, "198.18.1.1"));
  EXPECT_EQ(RouteKind::gateway, kind_of(*table, "203.0.113.77"));
  EXPECT_EQ(RouteKind::blackhole, kind_of(*table, "192.0.2.1"));
  EXPECT_EQ(RouteKind::none, kind_of(*table, "8.8.8.8"));
  EXPECT_EQ(RouteKind::not_routable, kind_of(*table, "198.18.1.255"));
  EXPECT_EQ(RouteKind::not_routable, kind_of(*table, "127.0.0.1"));
  EXPECT_EQ(RouteKind::connected, kind_of(*table, "2001:2::2"));
  EXPECT_EQ(RouteKind::local, kind_of(*table, "2001:2:0:100::80"));
  EXPECT_EQ(RouteKind::gateway, kind_of(*table, "2001:db8:13:1::1"));
  EXPECT_EQ(RouteKind::not_routable, kind_of(*table, "::1"));
  EXPECT_EQ(local_kind::kHost, table->kinds(table->find(ip("198.18.0.1"), kWan)));
  EXPECT_EQ(local_kind::kService, table->kinds(table->find(ip("198.18.100.80"), kWan)));
  EXPECT_EQ(0, table->kinds(table->find(ip("198.18.1.11"), kWan)));
}

TEST(Compile, AnAddressMayHaveSeveralKinds) {
  Source source = lab();
  source.locals.push_back({prefix("198.18.100.80/32"), local_kind::kNameServer});
  source.locals.push_back({prefix("198.18.0.1/32"), local_kind::kService});
  const auto table = table_of(source);
  EXPECT_EQ(local_kind::kService | local_kind::kNameServer,
            table->kinds(table->find(ip("198.18.100.80"), kWan)));
  EXPECT_EQ(local_kind::kHost | local_kind::kService,
            table->kinds(table->find(ip("198.18.0.1"), kWan)));
}

TEST(Compile, DefaultRoutesAndHostRoutes) {
  Source source = lab();
  source.routes.push_back(via("0.0.0.0/0", "198.18.0.2"));
  source.routes.push_back(via("::/0", "fe80::9", kWan));
  source.routes.push_back({prefix("203.0.113.7/32"), {}, kWan, false});
  const auto table = table_of(source);
  EXPECT_EQ(ip("198.18.0.2"), table->next_hop(table->find(ip("8.8.8.8"), kWan)).gateway);
  EXPECT_EQ(ip("fe80::9"), table->next_hop(table->find(ip("2001:db8::1"), kWan)).gateway);
  EXPECT_EQ(RouteKind::connected, kind_of(*table, "203.0.113.7"));
  EXPECT_EQ(RouteKind::not_routable, kind_of(*table, "224.0.0.1")) << "not by the default route";
}

TEST(Compile, PointToPointNetworksHaveNoBroadcast) {  // RFC 3021
  Source source = lab();
  source.ports[0].addresses = {prefix("198.18.0.0/31")};
  const auto table = table_of(source);
  EXPECT_EQ(RouteKind::local, kind_of(*table, "198.18.0.0"));
  EXPECT_EQ(RouteKind::connected, kind_of(*table, "198.18.0.1"));
}

TEST(Compile, LinkLocalAddressComesFromTheMac) {  // RFC 4291 appendix A
  EXPECT_EQ(ip("fe80::3656:78ff:fe9a:bcde"),
            link_local_of(MacAddress::parse("34:56:78:9a:bc:de").value()));
}

TEST(Compile, TakesAHundredThousandRoutes) {
  Source source = lab();
  for (std::uint32_t i = 0; i < 100'000; ++i)
    source.routes.push_back({Prefix{IpAddress::v4(0x0100'0000U + (i << 8U)), 24},
                             ip(i % 2 == 0 ? "198.18.1.13" : "198.18.0.2"), kNoPort, false});
  const auto table = table_of(source);
  EXPECT_EQ(RouteKind::gateway, kind_of(*table, "1.0.5.1"));
  EXPECT_LT(table->next_hops().size(), 32U) << "routes to one gateway share a next hop";
}

struct Mistake {
  const char* where;
  const char* what;
  std::function<void(Source&)> make;
};

TEST(Compile, EveryMistakeIsNamed) {
  const std::vector<Mistake> mistakes{
      {"ports.lan", "two ports have number 0", [](Source& s) { s.ports[1].id = kWan; }},
      {"ports.lan", "no number", [](Source& s) { s.ports[1].id = kNoPort; }},
      {"ports.wan.mac", "no station's", [](Source& s) { s.ports[0].mac = MacAddress{{1}}; }},
      {"ports.wan.mtu", "too small", [](Source& s) { s.ports[0].mtu = 1279; }},
      {"ports.wan.addresses[2]", "never routed",
       [](Source& s) { s.ports[0].addresses.push_back(prefix("224.0.0.1/24")); }},
      {"ports.wan.addresses[2]", "never routed",
       [](Source& s) { s.ports[0].addresses.push_back(prefix("fe80::1/64")); }},
      {"ports.wan.addresses[2]", "network or broadcast",
       [](Source& s) { s.ports[0].addresses.push_back(prefix("10.0.0.255/24")); }},
      {"ports.lan.addresses[2]", "is also at ports.wan.addresses[0]",
       [](Source& s) { s.ports[1].addresses.push_back(prefix("198.18.0.1/32")); }},
      {"ports.lan.addresses[2]", "overlaps 198.18.0.0/24 of port wan",
       [](Source& s) { s.ports[1].addresses.push_back(prefix("198.18.0.130/25")); }},
      {"host_mac", "no station's", [](Source& s) { s.host_mac = {}; }},
      {"ports.wan.neighbours[0]", "in no prefix",
       [](Source& s) {
         s.ports[0].neighbours = {{ip("10.0.0.1"), kTheirMac}};
       }},
      {"ports.wan.neighbours[0]", "our own",
       [](Source& s) {
         s.ports[0].neighbours = {{ip("198.18.0.1"), kTheirMac}};
       }},
      {"ports.wan.neighbours[1]", "twice",
       [](Source& s) {
         s.ports[0].neighbours = {{ip("198.18.0.2"), kTheirMac}, {ip("198.18.0.2"), kOurMac}};
       }},
      {"ports.wan.neighbours[0].mac", "no station's",
       [](Source& s) {
         s.ports[0].neighbours = {{ip("198.18.0.2"), {}}};
       }},
      {"ports.wan.neighbours", "one of our own addresses",
       [](Source& s) {
         s.ports[0].neighbours = {{ip("198.18.0.53"), kTheirMac}};
       }},
      {"routes[3].prefix", "bits set",
       [](Source& s) { s.routes.push_back(via("10.0.0.1/8", "198.18.0.2")); }},
      {"routes[3].prefix", "also routed by routes[0].prefix",
       [](Source& s) { s.routes.push_back(via("203.0.113.0/24", "198.18.0.2")); }},
      {"routes[3].prefix", "also routed by ports.lan.addresses[0]",
       [](Source& s) { s.routes.push_back(via("198.18.1.0/24", "198.18.0.2")); }},
      {"routes[3].prefix", "never routed",
       [](Source& s) { s.routes.push_back(via("224.0.0.0/8", "198.18.0.2")); }},
      {"routes[3].prefix", "one of our own addresses",
       [](Source& s) { s.routes.push_back(via("198.18.100.80/32", "198.18.0.2")); }},
      {"routes[3].via", "no port reaches",
       [](Source& s) { s.routes.push_back(via("10.0.0.0/8", "10.9.9.9")); }},
      {"routes[3].via", "another family",
       [](Source& s) { s.routes.push_back(via("10.0.0.0/8", "2001:2::2")); }},
      {"routes[3].via", "our own",
       [](Source& s) { s.routes.push_back(via("10.0.0.0/8", "198.18.0.1")); }},
      {"routes[3].via", "link-local",
       [](Source& s) { s.routes.push_back(via("2001:db8:1::/48", "fe80::1")); }},
      {"routes[3].via", "in no prefix of port lan",
       [](Source& s) { s.routes.push_back(via("10.0.0.0/8", "198.18.0.2", kLan)); }},
      {"routes[3].port", "no port with number 9",
       [](Source& s) {
         s.routes.push_back({prefix("10.0.0.0/8"), {}, 9, false});
       }},
      {"routes[3]", "leads nowhere",
       [](Source& s) {
         s.routes.push_back({prefix("10.0.0.0/8"), {}, kNoPort, false});
       }},
      {"routes[3]", "no gateway",
       [](Source& s) {
         s.routes.push_back({prefix("10.0.0.0/8"), {}, kWan, true});
       }},
      {"locals[5]", "bits set",
       [](Source& s) {
         s.locals.push_back({prefix("198.18.100.1/24"), local_kind::kService});
       }},
      {"locals[5]", "never routed",
       [](Source& s) {
         s.locals.push_back({prefix("127.0.0.1/32"), local_kind::kService});
       }},
      {"locals[5]", "nothing lives",
       [](Source& s) {
         s.locals.push_back({prefix("198.18.100.1/32"), 0});
       }},
  };
  for (const Mistake& m : mistakes) {
    Source source = lab();
    m.make(source);
    const auto table = compile(source);
    ASSERT_FALSE(table.has_value()) << m.what;
    EXPECT_THAT(table.error(), Contains(::testing::AllOf(Field(&Error::where, m.where),
                                                         Field(&Error::what, HasSubstr(m.what)),
                                                         Field(&Error::fix, ::testing::Ne("")))))
        << m.what;
  }
}

TEST(Compile, AllMistakesAreFound) {
  Source source = lab();
  source.ports[0].mtu = 1;
  source.routes.push_back(via("10.0.0.0/8", "10.9.9.9"));
  source.routes.push_back(via("11.0.0.0/8", "10.9.9.9"));
  source.locals.push_back({prefix("198.18.100.1/32"), 0});
  const auto table = compile(source);
  ASSERT_FALSE(table.has_value());
  EXPECT_EQ(4U, table.error().size());
}

TEST(Compile, SourceAddressIsOneOfThePortThenOfAnother) {
  Source source = lab();
  source.ports.push_back(port_source("dmz", 5, MacAddress{{2, 0, 0, 0, 0, 5}}, {}));
  const auto table = table_of(source);
  EXPECT_EQ(ip("198.18.1.1"), table->source_address(kLan, true));
  EXPECT_EQ(ip("198.18.0.1"), table->source_address(5, true));
  EXPECT_EQ(ip("2001:2::1"), table->source_address(5, false));
}

}  // namespace
}  // namespace sluice::route::test
