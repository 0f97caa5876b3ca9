#include "control/model/compile.hpp"
#include "control/model/diff.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/text_diff.hpp"
#include "control/model/validate.hpp"
#include "control/model/yaml.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kState = R"(kind: Port
name: wan
spec: {addresses: [198.18.0.1/24, "2001:2::1/64"]}
---
kind: Port
name: lan
spec:
  addresses: [198.18.1.1/24]
  neighbours:
    - {address: 198.18.1.11, mac: "02:00:00:00:00:11"}
---
kind: Service
name: web
spec:
  addresses: [198.18.100.80]
  port: 80
  timeouts: {tcp_idle: 1h}
  backends:
    - {name: be1, addresses: [198.18.1.11], port: 8080}
    - {name: be2, addresses: [198.18.1.12], port: 8080, weight: 0}
---
kind: Route
name: default
spec: {prefix: 0.0.0.0/0, via: 198.18.0.2}
---
kind: AddressSet
name: blocked
spec:
  prefixes: [198.51.100.0/24]
  text: |
    # from the abuse desk
    203.0.113.7   # one host
    2001:db8:bad::/48
  early_drop: true
---
kind: NameServer
name: ns
spec: {addresses: [198.18.100.53]}
---
kind: Zone
name: example.test
spec:
  text: |
    @ 60 SOA ns hostmaster 1 60 60 60 60
    @ 60 NS ns
    ns 60 A 198.18.100.53
)";

LoadedState load(const std::string& text) {
  return load_state({{"a.yaml", "", text}}, [](const std::string& path) -> Result<std::string> {
    return fail("no file " + path);
  });
}

v1::DesiredState state_of(const std::string& text) {
  LoadedState loaded = load(text);
  for (const auto& problem : loaded.problems.list()) ADD_FAILURE() << text_of(problem);
  return loaded.state;
}

std::vector<std::string> mistakes(const std::string& text) {
  LoadedState loaded = load(text);
  validate(loaded.state, loaded.problems, &loaded.places);
  std::vector<std::string> lines;
  for (const auto& problem : loaded.problems.list()) lines.push_back(text_of(problem));
  return lines;
}

TEST(Compile, GivesTheRoomsPlainValues) {
  const v1::DesiredState state = state_of(kState);
  Problems problems;
  const Sources sources = compile_sources(state, facts_of(state), problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(sources.route.ports.size(), 2U);
  EXPECT_EQ(sources.route.ports[0].name, "wan");
  EXPECT_EQ(sources.route.ports[0].mtu, 1500);
  EXPECT_EQ(sources.route.ports[1].neighbours[0].mac.text(), "02:00:00:00:00:11");
  ASSERT_EQ(sources.route.routes.size(), 1U);
  EXPECT_EQ(sources.route.routes[0].via.text(), "198.18.0.2");
  ASSERT_EQ(sources.balancer.services.size(), 1U);
  const balancer::ServiceSource& web = sources.balancer.services[0];
  EXPECT_EQ(web.protocol, ip_protocol::kTcp);
  EXPECT_EQ(web.table_size, 65'537U);
  EXPECT_EQ(web.tcp_idle, 3'600 * kSecond);
  EXPECT_EQ(web.udp_idle, 30 * kSecond);
  EXPECT_EQ(web.backends[0].weight, 1U);
  EXPECT_EQ(web.backends[1].weight, 0U);
  ASSERT_EQ(sources.firewall.sets.size(), 1U);
  EXPECT_EQ(sources.firewall.sets[0].prefixes.size(), 3U);
  EXPECT_TRUE(sources.firewall.sets[0].early_drop);
  EXPECT_EQ(sources.dns.servers[0].port, 53);
  EXPECT_EQ(sources.dns.zones[0].origin, "example.test");
}

TEST(Compile, RefusesAPortThatTheNodeDoesNotHave) {
  const v1::DesiredState state = state_of(kState);
  NodeFacts facts = facts_of(state);
  facts.ports.pop_back();
  Problems problems;
  (void)compile_sources(state, facts, problems);
  ASSERT_EQ(problems.list().size(), 1U);
  EXPECT_EQ(text_of(problems.list()[0]), "Port/lan: there is no port 'lan'; the node has wan");
}

TEST(Compile, APortWithoutADocumentIsStillAPort) {
  v1::DesiredState state;
  NodeFacts facts;
  facts.ports.push_back({"wan", 0, MacAddress{{2, 0, 0, 0, 0, 9}}});
  Problems problems;
  const Sources sources = compile_sources(state, facts, problems);
  ASSERT_EQ(sources.route.ports.size(), 1U);
  EXPECT_EQ(sources.route.ports[0].mac.text(), "02:00:00:00:00:09");
  EXPECT_EQ(sources.firewall.ports[0].name, "wan");
}

TEST(Validate, TakesAGoodState) {
  EXPECT_THAT(mistakes(kState), IsEmpty());
}

struct Refused {
  const char* name;
  std::string text;
  const char* line;
};
void PrintTo(const Refused& refused, std::ostream* out) {
  *out << refused.name;
}

std::string service(const std::string& name, const std::string& spec) {
  return "---\nkind: Service\nname: " + name + "\nspec: {" + spec + "}\n";
}

class ValidateRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ValidateRefuses, WithOneLine) {
  EXPECT_THAT(mistakes(kState + GetParam().text), ElementsAre(HasSubstr(GetParam().line)));
}

#define AFTER "---\nkind: "
INSTANTIATE_TEST_SUITE_P(
    Mistakes, ValidateRefuses,
    testing::Values(
        Refused{"missing_required", service("x", "port: 80"),
                "Service/x: spec.addresses: addresses is missing; add it, see `sluice explain "
                "Service.addresses`"},
        Refused{"dangling_reference",
                AFTER "Route\nname: r\nspec: {prefix: 10.0.0.0/8, port: wam}\n",
                "Route/r: spec.port: there is no Port 'wam'; did you mean wan?"},
        Refused{"endpoint_twice", service("x", "addresses: [198.18.100.80], port: 80"),
                "TCP 198.18.100.80 port 80 is used twice, by Service/web too"},
        Refused{"endpoint_of_name_server",
                service("x", "addresses: [198.18.100.53], port: 53, protocol: udp"),
                "UDP 198.18.100.53 port 53 is used twice"},
        Refused{"backend_name_twice",
                service("x",
                        "addresses: [198.18.100.9], port: 80, backends: [{name: a, addresses: "
                        "[198.18.1.11]}, {name: a, addresses: [198.18.1.12]}]"),
                "spec.backends[1].name: 'a' is used twice"},
        Refused{"family_without_backend",
                service("x",
                        "addresses: [\"2001:2:0:100::9\"], port: 80, backends: [{name: a, "
                        "addresses: [198.18.1.11]}]"),
                "spec.addresses[0]: no backend has an IPv6 address"},
        Refused{"two_of_one_family",
                service("x",
                        "addresses: [198.18.100.9], port: 80, backends: [{name: a, addresses: "
                        "[198.18.1.11, 198.18.1.12]}]"),
                "spec.backends[0].addresses: two addresses of one family"},
        Refused{"backend_is_a_service",
                service("x",
                        "addresses: [198.18.100.9], port: 80, backends: [{name: a, addresses: "
                        "[198.18.100.80]}]"),
                "'198.18.100.80' is the address of a service"},
        Refused{"direct_return_port",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: direct_return, backends: "
                        "[{name: a, addresses: [198.18.1.11], port: 8080}]"),
                "direct return leaves the packet's port as it is"},
        Refused{"tunnel_port",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: ipip, backends: "
                        "[{name: a, addresses: [198.18.1.11], port: 8080}]"),
                "spec.backends[0].port: a tunnel leaves the packet's port as it is"},
        Refused{"tunnel_without_a_tunnel",
                service("x", "addresses: [198.18.100.9], port: 80, tunnel: {port: 6081}"),
                "spec.tunnel: mode NAT has no tunnel; remove it, or use mode IPIP or GUE"},
        Refused{"ipip_with_a_port",
                service("x", "addresses: [198.18.100.9], port: 80, mode: IPIP, tunnel: {port: 1}"),
                "spec.tunnel.port: IP in IP has no ports"},
        Refused{"tunnel_sources_of_one_family",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: GUE, tunnel: {sources: "
                        "[10.0.0.0/8, 10.1.1.1]}"),
                "spec.tunnel.sources[1]: two sources of one family"},
        Refused{"tunnel_source_multicast",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: GUE, tunnel: {sources: "
                        "[224.0.0.0/8]}"),
                "spec.tunnel.sources[0]: '224.0.0.0/8' is no source"},
        Refused{"tunnel_source_host_bits",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: GUE, tunnel: {sources: "
                        "[10.0.0.1/8]}"),
                "spec.tunnel.sources[0]: "},
        Refused{"tunnel_source_of_a_port",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: GUE, tunnel: {sources: "
                        "[198.18.1.0/25]}"),
                "spec.tunnel.sources[0]: '198.18.1.0/25' holds addresses of "},
        Refused{"tunnel_source_of_a_service",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: GUE, tunnel: {sources: "
                        "[198.18.100.80]}"),
                "'198.18.100.80/32' holds addresses of Service/web"},
        Refused{"tunnel_source_of_a_route",
                AFTER "Route\nname: r\nspec: {prefix: 10.1.0.0/16, blackhole: true}\n" +
                    service("x",
                            "addresses: [198.18.100.9], port: 80, mode: GUE, tunnel: {sources: "
                            "[10.0.0.0/8]}"),
                "'10.0.0.0/8' holds addresses of Route/r"},
        Refused{
            "local_addresses_in_nat",
            service("x", "addresses: [198.18.100.9], port: 80, local_addresses: [198.18.2.0/30]"),
            "spec.local_addresses: mode NAT keeps the client's address"},
        Refused{"local_address_of_a_port",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: FULL_NAT, local_addresses: "
                        "[198.18.1.1]"),
                "spec.local_addresses[0]: '198.18.1.1/32' holds addresses of Port/lan; use "
                "addresses that only the balancer has"},
        Refused{"local_addresses_of_a_service",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: FULL_NAT, local_addresses: "
                        "[10.0.0.1, 198.18.100.0/24]"),
                "spec.local_addresses[1]: '198.18.100.0/24' holds addresses of "},
        Refused{"local_addresses_too_many",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: FULL_NAT, local_addresses: "
                        "[10.0.0.0/8]"),
                "spec.local_addresses[0]: these are too many addresses; name 4096"},
        Refused{"local_ports_backwards",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: FULL_NAT, local_ports: "
                        "{first: 2000, last: 1999}"),
                "spec.local_ports.last: the last port is before the first, 2000"},
        Refused{"local_ports_of_the_host",
                service("x",
                        "addresses: [198.18.100.9], port: 80, mode: FULL_NAT, local_ports: "
                        "{first: 40000}"),
                "spec.local_ports.first: of a port's own address only the ports up to 32767"},
        Refused{"proxy_header_of_udp",
                service("x",
                        "addresses: [198.18.100.9], port: 80, protocol: UDP, mode: FULL_NAT, "
                        "proxy_protocol: V2"),
                "spec.proxy_protocol: only a TCP connection can begin with a header"},
        Refused{"proxy_header_in_a_tunnel",
                service("x", "addresses: [198.18.100.9], port: 80, mode: IPIP, proxy_protocol: V1"),
                "spec.proxy_protocol: mode IPIP leaves connections to the backend"},
        Refused{"table_size",
                service("x", "addresses: [198.18.100.9], port: 80, table_size: 65536"),
                "65536 is not a size of the Maglev table; use 1021, 4093"},
        Refused{"multicast_service", service("x", "addresses: [224.0.0.9], port: 80"),
                "'224.0.0.9' is not an address that others can reach"},
        Refused{"address_at_two_ports",
                AFTER "Port\nname: dmz\nspec: {addresses: [198.18.0.1/24]}\n",
                "'198.18.0.1' is used twice, at port wan too"},
        Refused{"overlapping_networks",
                AFTER "Port\nname: dmz\nspec: {addresses: [198.18.1.2/25]}\n",
                "overlap; give each port a network of its own"},
        Refused{"route_nowhere", AFTER "Route\nname: r\nspec: {prefix: 10.0.0.0/8}\n",
                "the route says neither where to go nor to drop"},
        Refused{"route_both_ways",
                AFTER "Route\nname: r\nspec: {prefix: 10.0.0.0/8, port: wan, blackhole: true}\n",
                "a blackhole goes nowhere"},
        Refused{"route_family",
                AFTER "Route\nname: r\nspec: {prefix: 10.0.0.0/8, via: \"2001:2::2\"}\n",
                "the router is IPv6, the prefix is IPv4"},
        Refused{"route_unreachable",
                AFTER "Route\nname: r\nspec: {prefix: 10.0.0.0/8, via: 10.0.0.1}\n",
                "no port has an address in the network of '10.0.0.1'"},
        Refused{"route_twice", AFTER "Route\nname: r\nspec: {prefix: 0.0.0.0/0, via: 198.18.0.3}\n",
                "0.0.0.0/0 has a route already: Route/default"},
        Refused{"zone_twice", AFTER "Zone\nname: EXAMPLE.test.\nspec: {text: x}\n",
                "there are two documents of this kind and name"},
        Refused{"zone_without_records", AFTER "Zone\nname: other.test\nspec: {}\n",
                "the zone has no records"},
        Refused{"set_member",
                AFTER "AddressSet\nname: s\nspec:\n  text: |\n    10.0.0.0/8\n    x\n",
                "a.yaml:53: AddressSet/s: spec.text: 'x' is not a prefix"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Validate, RunsTheCompilersOfTheDataPlane) {
  const auto rules = mistakes(
      "kind: Firewall\nname: f\nspec:\n  rules: |\n    table inet f {\n      chain c {\n"
      "        frobnicate\n      }\n    }\n");
  ASSERT_FALSE(rules.empty());
  EXPECT_THAT(rules[0], testing::StartsWith("a.yaml:7:"));
  const auto zone = mistakes(
      "kind: Zone\nname: example.test\nspec:\n  text: |\n    @ 60 SOA ns hostmaster 1 60 60 60 60\n"
      "    @ 60 NS ns\n    www 60 A 198.18.0.256\n");
  ASSERT_FALSE(zone.empty());
  EXPECT_THAT(zone[0], testing::StartsWith("a.yaml:7: Zone/example.test: spec.text: "));
}

TEST(Validate, WithoutPlacesALineCountsWithinTheText) {
  const v1::DesiredState state = state_of(
      "kind: Firewall\nname: f\nspec:\n  rules: |\n    table inet f {\n      nonsense\n    }\n");
  Problems problems;
  validate(state, problems);
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.list()[0].path(), "Firewall/f: spec.rules");
  EXPECT_EQ(problems.list()[0].line(), 2U);
}

TEST(Validate, ALineWithinATextIsCountedFromWhereItBegins) {
  const auto lines =
      mistakes("kind: AddressSet\nname: s\nspec:\n  text: |\n    10.0.0.0/8\n    x\n");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], testing::StartsWith("a.yaml:6: AddressSet/s: spec.text: 'x'"));
}

std::vector<std::string> changes(const std::string& before, const std::string& after) {
  std::vector<std::string> out;
  for (const auto& change : diff(state_of(before), state_of(after))) out.push_back(text_of(change));
  return out;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Diff, SaysWhatChangesFieldByField) {
  EXPECT_THAT(changes(kState, replaced(kState, "weight: 0", "weight: 5")),
              ElementsAre("~ Service/web\n    spec.backends[1].weight: 0 -> 5"));
  EXPECT_THAT(changes(kState, replaced(kState, "[198.18.100.80]", "[198.18.100.81]")),
              ElementsAre("~ Service/web\n    spec.addresses: - 198.18.100.80\n"
                          "    spec.addresses: + 198.18.100.81"));
}

TEST(Diff, MatchesBackendsByName) {
  const std::string without =
      replaced(kState, "    - {name: be1, addresses: [198.18.1.11], port: 8080}\n", "");
  EXPECT_THAT(changes(kState, without),
              ElementsAre("~ Service/web\n    spec.backends[0]: - be1 198.18.1.11 8080 1"));
}

TEST(Diff, AnAbsentFieldEqualsItsDefault) {
  EXPECT_THAT(changes(kState, replaced(kState, "spec: {addresses: [198.18.100.53]}",
                                       "spec: {addresses: [198.18.100.53], port: 53}")),
              IsEmpty());
}

TEST(Diff, OrderOfDocumentsIsNoChange) {
  EXPECT_THAT(changes("kind: Port\nname: a\nspec: {}\n---\nkind: Port\nname: b\nspec: {}\n",
                      "kind: Port\nname: b\nspec: {}\n---\nkind: Port\nname: a\nspec: {}\n"),
              IsEmpty());
}

TEST(Diff, AddedAndRemovedDocuments) {
  EXPECT_THAT(changes("kind: Port\nname: a\nspec: {}\n", "kind: Port\nname: b\nspec: {}\n"),
              ElementsAre("+ Port/b", "- Port/a"));
}

TEST(Diff, TextsAreComparedByLine) {
  EXPECT_THAT(diff_lines("a\nb\nc\nd\n", "a\nx\nc\nd\ne\n"),
              ElementsAre("2: - b", "2: + x", "5: + e"));
  EXPECT_THAT(diff_lines("a\n", "a"), ElementsAre(" the last line's end"));
  EXPECT_THAT(diff_lines("", "1\n2\n3\n", 2), ElementsAre("1: + 1", "2: + 2", " and 1 more lines"));
}

TEST(Merge, ReplacesByNameAndKeepsTheRest) {
  const v1::DesiredState base = state_of(kState);
  const v1::DesiredState given = state_of("kind: Port\nname: lan\nspec: {mtu: 9000}\n");
  const v1::DesiredState merged = merge(base, given, false);
  EXPECT_EQ(merged.documents_size(), base.documents_size());
  EXPECT_EQ(find_document(merged, "Port", "lan")->port().mtu(), 9000U);
  EXPECT_EQ(merge(base, given, true).documents_size(), 1);
}

TEST(Output, YamlReadsBackAsTheSameState) {
  const v1::DesiredState state = state_of(kState);
  EXPECT_EQ(state_of(to_yaml(state)).SerializeAsString(), state.SerializeAsString());
}

TEST(Output, JsonReadsBackAsTheSameState) {
  const v1::DesiredState state = state_of(kState);
  EXPECT_EQ(state_of(to_json(state)).SerializeAsString(), state.SerializeAsString());
}

TEST(Output, AwkwardTextsSurvive) {
  for (const std::string text :
       {"plain", "", "no", "010", "a: b", "# not a comment", "two\nlines", "two\nlines\n",
        " leading\nspace\n", "\nempty first\n", "ends twice\n\n", "tab\there\n",
        "quote \" and \\ back", "\x01 control", "umlaut \xc3\xbc\nline\n", "- item\n- item\n",
        "trailing \nspace \n"}) {
    v1::DesiredState state;
    v1::Document& document = *state.add_documents();
    document.set_name("x");
    document.mutable_firewall()->set_rules(text);
    EXPECT_EQ(state_of(to_yaml(state)).SerializeAsString(), state.SerializeAsString())
        << to_yaml(state);
    EXPECT_EQ(state_of(to_json(state)).SerializeAsString(), state.SerializeAsString())
        << to_json(state);
  }
}

TEST(Kinds, AreFoundByTheWordsOperatorsUse) {
  EXPECT_EQ(kind_by_word("services"), "Service");
  EXPECT_EQ(kind_by_word("address-sets"), "AddressSet");
  EXPECT_EQ(kind_by_word("NAMESERVER"), "NameServer");
  EXPECT_EQ(kind_by_word("serv"), "");
}

TEST(Format, Durations) {
  EXPECT_EQ(parse_duration("500ms").value(), 500 * kMillisecond);
  EXPECT_EQ(parse_duration("1d").value(), 86'400 * kSecond);
  for (const char* bad :
       {"", "5", "s", "-5s", "5 s", "1.5h", "0s", "5w", "99999999999999999999s", "36501d"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Format, Sockets) {
  EXPECT_EQ(parse_socket("[2001:2::1]:7700").value().address, "2001:2::1");
  EXPECT_EQ(parse_socket("unix:/run/x.sock").value().path, "/run/x.sock");
  for (const char* bad : {"", "198.18.0.1", "198.18.0.1:0", "198.18.0.1:65536", "198.18.0.1:080",
                          "2001:2::1:7700", "unix:", "host:7700"}) {
    EXPECT_FALSE(parse_socket(bad)) << bad;
  }
}

TEST(Format, Utf8) {
  EXPECT_TRUE(is_utf8("\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"));
  for (const char* bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
  EXPECT_EQ(as_utf8("a\xff"
                    "b"),
            "a?b");
}

TEST(Problems, AnErrorFromBelowIsLocated) {
  Places places;
  places.set("Firewall/edge: spec.rules", {"lab.yaml", 30, 10, 1});
  v1::Problem problem = problem_of({"no such chain", "Firewall/edge:3:5", "add it"});
  EXPECT_EQ(text_of(problem), "Firewall/edge: spec.rules:3:5: no such chain; add it");
  locate(problem, places);
  EXPECT_EQ(text_of(problem), "lab.yaml:33:5: Firewall/edge: spec.rules: no such chain; add it");
  EXPECT_EQ(text_of(problem_of({"bad", "lab.yaml:33:5", ""})), "lab.yaml:33:5: bad");
  EXPECT_EQ(text_of(problem_of({"bad", "Service/web: spec.port", ""})),
            "Service/web: spec.port: bad");
}

}  // namespace
}  // namespace sluice::model
