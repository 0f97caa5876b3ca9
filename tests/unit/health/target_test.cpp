#include "control/health/target.hpp"

#include <gtest/gtest.h>

#include "control/model/yaml.hpp"

namespace sluice::health {
namespace {

v1::DesiredState state_of(const std::string& text) {
  const auto loaded = model::load_state({{"state.yaml", "", text}});
  for (const auto& problem : loaded.problems.list()) ADD_FAILURE() << model::text_of(problem);
  return loaded.state;
}

constexpr const char* kNetwork = R"(kind: Port
name: wan
spec: {addresses: [198.18.0.1/24, "2001:2::1/64"], router_solicitation: true}
---
kind: Port
name: lan
spec: {addresses: [198.18.1.1/24, "2001:2:0:1::1/64"]}
---
kind: Route
name: racks
spec: {prefix: 10.0.0.0/8, via: 198.18.1.254}
---
kind: Route
name: rack-9
spec: {prefix: 10.9.0.0/16, via: 198.18.0.254}
---
kind: Route
name: nowhere
spec: {prefix: 10.10.0.0/16, blackhole: true}
---
kind: Route
name: link
spec: {prefix: "2001:db8::/32", via: "fe80::1", port: lan}
)";

std::string source_of(const std::string& to) {
  const auto source = source_for(state_of(kNetwork), *IpAddress::parse(to));
  return source ? source->text() : "none";
}

TEST(Target, TheSourceIsTheAddressOfThePortThatLeadsThere) {
  EXPECT_EQ("198.18.1.1", source_of("198.18.1.11"));
  EXPECT_EQ("198.18.0.1", source_of("198.18.0.2"));
  EXPECT_EQ("2001:2:0:1::1", source_of("2001:2:0:1::11"));
}

TEST(Target, RoutesAreFollowedTheLongestPrefixFirst) {
  EXPECT_EQ("198.18.1.1", source_of("10.1.2.3"));
  EXPECT_EQ("198.18.0.1", source_of("10.9.2.3"));
  EXPECT_EQ("none", source_of("10.10.2.3"));
  EXPECT_EQ("2001:2:0:1::1", source_of("2001:db8::7")) << "the router is link-local";
}

TEST(Target, APortThatLearnsItsRouterLeadsEverywhere) {
  EXPECT_EQ("2001:2::1", source_of("2600::1"));
  EXPECT_EQ("none", source_of("192.0.2.1"));
}

constexpr const char* kServices = R"(kind: Service
name: web
spec:
  addresses: [198.18.100.80]
  port: 80
  backends:
    - {name: be1, addresses: [198.18.1.11, "2001:2:0:1::11"], port: 8080}
    - {name: be2, addresses: [198.18.1.12], weight: 0}
  health_check: {tcp: {}, interval: 5s, timeout: 300ms, fall: 7}
---
kind: Service
name: other
spec:
  addresses: [198.18.100.81]
  port: 81
  backends: [{name: be1, addresses: [198.18.1.11]}]
  health_check: {http: {}, port: 9000}
---
kind: Service
name: unchecked
spec:
  addresses: [198.18.100.82]
  port: 82
  backends: [{name: be1, addresses: [198.18.1.11]}]
)";

TEST(Target, EveryAddressOfEveryBackendIsOneWithItsPort) {
  const auto targets = targets_of(state_of(kServices));
  ASSERT_EQ(4U, targets.size());
  EXPECT_EQ(8080, targets[0].port);
  EXPECT_EQ("2001:2:0:1::11", targets[1].address().text());
  EXPECT_EQ(80, targets[2].port) << "the service's, since the backend has none";
  EXPECT_EQ(9000, targets[3].port);
  EXPECT_EQ(5 * kSecond, targets[0].rhythm.interval);
  EXPECT_EQ(300 * kMillisecond, targets[0].rhythm.timeout);
  EXPECT_EQ(7U, targets[0].rhythm.fall);
  EXPECT_EQ(2U, targets[0].rhythm.rise) << "by default";
  EXPECT_EQ("/", targets[3].check->http().path()) << "by default";
  EXPECT_TRUE(targets[0].same_as(targets[0]));
  EXPECT_FALSE(targets[0].same_as(targets[1]));
}

}  // namespace
}  // namespace sluice::health
