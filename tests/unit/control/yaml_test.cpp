#include "control/model/yaml.hpp"

#include "sluice/v1/node.pb.h"

namespace sluice::model {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Result<std::string> no_files(const std::string& path) {
  return fail("no file " + path);
}

LoadedState load(const std::string& text, const ReadFile& read = no_files) {
  return load_state({{"a.yaml", "", text}}, read);
}

std::vector<std::string> lines_of(const Problems& problems) {
  std::vector<std::string> lines;
  for (const auto& problem : problems.list()) lines.push_back(text_of(problem));
  return lines;
}

constexpr const char* kWeb = R"(kind: Service
name: web
spec:
  addresses: [198.18.100.80, "2001:2:0:100::80"]
  port: 80
  protocol: udp
  mode: direct-return
  backends:
    - name: be1
      addresses: [198.18.1.11]
      weight: 0
)";

TEST(Yaml, ReadsADocumentByTheSchema) {
  const LoadedState loaded = load(kWeb);
  EXPECT_THAT(lines_of(loaded.problems), IsEmpty());
  ASSERT_EQ(loaded.state.documents_size(), 1);
  const v1::Document& document = loaded.state.documents(0);
  EXPECT_EQ(document.name(), "web");
  const v1::Service& service = document.service();
  EXPECT_EQ(service.addresses(1), "2001:2:0:100::80");
  EXPECT_EQ(service.port(), 80U);
  EXPECT_EQ(service.protocol(), v1::Service::UDP);
  EXPECT_EQ(service.mode(), v1::Service::DIRECT_RETURN);
  ASSERT_EQ(service.backends_size(), 1);
  EXPECT_TRUE(service.backends(0).has_weight());
  EXPECT_EQ(service.backends(0).weight(), 0U);
}

TEST(Yaml, KnowsWhereEachFieldStands) {
  const LoadedState loaded = load(kWeb);
  const Place weight = loaded.places.find("Service/web: spec.backends[0].weight");
  EXPECT_EQ(weight.file, "a.yaml");
  EXPECT_EQ(weight.line, 11U);
  EXPECT_EQ(weight.column, 15U);
  // A field that is not written is where the one around it is.
  EXPECT_EQ(loaded.places.find("Service/web: spec.backends[0].port").line, 9U);
}

TEST(Yaml, ReadsSeveralDocumentsFilesAndLists) {
  const LoadedState loaded = load_state(
      {{"a.yaml", "", "kind: Port\nname: a\nspec: {}\n---\n---\nkind: Port\nname: b\nspec: {}\n"},
       {"b.json", "", R"([{"kind": "Port", "name": "c", "spec": {"mtu": 9000}}])"}},
      no_files);
  EXPECT_THAT(lines_of(loaded.problems), IsEmpty());
  ASSERT_EQ(loaded.state.documents_size(), 3);
  EXPECT_EQ(loaded.state.documents(2).port().mtu(), 9000U);
}

TEST(Yaml, FillsTextFromAFileBesideIt) {
  std::string asked;
  const ReadFile read = [&](const std::string& path) -> Result<std::string> {
    asked = path;
    return std::string("@ SOA");
  };
  const LoadedState loaded = load_state(
      {{"dir/a.yaml", "dir", "kind: Zone\nname: example.test\nspec:\n  file: z\n"}}, read);
  EXPECT_EQ(asked, "dir/z");
  EXPECT_EQ(loaded.state.documents(0).zone().text(), "@ SOA");
  EXPECT_EQ(loaded.places.find("Zone/example.test: spec.text").file, "dir/z");
}

struct Refused {
  const char* name;
  const char* text;
  const char* line;  ///< what the one problem's line must hold
};
void PrintTo(const Refused& refused, std::ostream* out) {
  *out << refused.name;
}

class YamlRefuses : public testing::TestWithParam<Refused> {};

TEST_P(YamlRefuses, WithOneLineThatSaysWhereAndWhatToDo) {
  EXPECT_THAT(lines_of(load(GetParam().text).problems), ElementsAre(HasSubstr(GetParam().line)))
      << GetParam().text;
}

#define SERVICE "kind: Service\nname: web\nspec:\n"
#define PORT "kind: Port\nname: wan\nspec:\n"
INSTANTIATE_TEST_SUITE_P(
    Mistakes, YamlRefuses,
    testing::Values(
        Refused{
            "unknown_field", SERVICE "  adresses: [198.18.0.1]\n",
            "a.yaml:4:3: Service/web: spec.adresses: there is no field 'adresses'; did you mean "
            "addresses?"},
        Refused{"unknown_kind", "kind: Servce\nname: a\nspec: {}\n",
                "a.yaml:1:7: document 1: kind: there is no kind 'Servce'; did you mean Service?"},
        Refused{"unknown_top_level", "kind: Port\nname: a\nspecs: {}\nspec: {}\n",
                "there is no field 'specs'; did you mean spec?"},
        Refused{"no_kind", "name: a\nspec: {}\n", "kind is missing; add one of Port, "},
        Refused{"no_name", "kind: Port\nspec: {}\n", "name is missing; add a line 'name: NAME'"},
        Refused{"bad_name", "kind: Port\nname: a b\nspec: {}\n", "'a b' is not a name"},
        Refused{"no_spec", "kind: Port\nname: a\n", "spec is missing"},
        Refused{"not_a_document", "hello\n", "expected kind, name and spec, found a single value"},
        Refused{"duplicate_key", PORT "  mtu: 1500\n  mtu: 1400\n",
                "a.yaml:5:3: 'mtu' is given twice, first in line 4; remove one"},
        Refused{
            "duplicate_name", "kind: Port\nname: a\nspec: {}\n---\nkind: Port\nname: a\nspec: {}",
            "a.yaml:5:1: Port/a: there are two documents of this kind and name; remove or rename "
            "one; the other is at a.yaml:1"},
        Refused{"anchor", PORT "  addresses: &all [198.18.0.1/24]\n",
                "anchors ('&name') are not supported"},
        Refused{"tag", "kind: Port\nname: !!str wan\nspec: {}\n", "tags ("},
        Refused{"norway", "kind: Zone\nname: no\nspec: {}\n",
                "'no' without quotes means true or false to some readers; write \"no\""},
        Refused{"octal", SERVICE "  port: 010\n",
                "a.yaml:4:9: Service/web: spec.port: '010' means different numbers"},
        Refused{"hexadecimal", SERVICE "  port: 0x50\n", "write it in decimal"},
        Refused{"octal_name", "kind: Port\nname: 010\nspec: {}\n", "write \"010\""},
        Refused{"quoted_number", SERVICE "  port: \"80\"\n",
                "expected a whole number, found '80'; write digits only, without quotes"},
        Refused{"fraction", SERVICE "  port: 80.5\n", "expected a whole number, found '80.5'"},
        Refused{"port_too_large", SERVICE "  port: 65536\n",
                "65536 is out of range; use 1 to 65535"},
        Refused{"port_zero", SERVICE "  port: 0\n", "0 is out of range; use 1 to 65535"},
        Refused{"port_negative", SERVICE "  port: -1\n", "'-1' is out of range; use 1 to 65535"},
        Refused{"port_huge", SERVICE "  port: 99999999999999999999\n",
                "is out of range; use 1 to 65535"},
        Refused{"yes_for_true", PORT "  router_solicitation: yes\n",
                "expected true or false, found 'yes'"},
        Refused{"quoted_true", PORT "  router_solicitation: \"true\"\n", "without quotes"},
        Refused{"enum", SERVICE "  protocol: tpc\n",
                "'tpc' is not a value of protocol; did you mean TCP?"},
        Refused{"enum_list", SERVICE "  protocol: sctp2\n", "use TCP or UDP"},
        Refused{"list_for_value", SERVICE "  port: [80]\n",
                "expected a single value, found a list or map"},
        Refused{
            "value_for_list", SERVICE "  addresses: 198.18.0.1\n",
            "expected a list, found a single value; write each item on its own line after '- '"},
        Refused{"value_for_map", "kind: Firewall\nname: a\nspec:\n  tracking: 5\n",
                "expected a map of fields, found a single value"},
        Refused{"nothing", SERVICE "  port:\n", "port has no value; give one, or remove the line"},
        Refused{"null_item", SERVICE "  addresses:\n    - ~\n", "the item has no value"},
        Refused{"ip", SERVICE "  addresses: [198.18.0.256]\n",
                "a.yaml:4:15: Service/web: spec.addresses[0]: '198.18.0.256' is not an IP address"},
        Refused{"host_bits", "kind: Route\nname: r\nspec:\n  prefix: 198.18.0.1/24\n",
                "'198.18.0.1/24' has host bits set; write 198.18.0.0/24 for the whole prefix"},
        Refused{"no_length", PORT "  addresses: [198.18.0.1]\n", "write it with its prefix length"},
        Refused{"mac", PORT "  mac: 02:00:00:00:00\n", "is not an Ethernet address"},
        Refused{"group_mac", PORT "  mac: \"01:00:5e:00:00:01\"\n", "one station"},
        Refused{"duration", SERVICE "  timeouts: {udp_idle: 30}\n",
                "'30' is not a duration; write a whole number and a unit"},
        Refused{"file", "kind: Zone\nname: example.test\nspec:\n  file: missing\n",
                "a.yaml:4:9: Zone/example.test: spec.file: no file missing"},
        Refused{"syntax", PORT "  addresses: [198.18.0.1/24\n", "YAML syntax: "},
        Refused{"tab", PORT "\tmtu: 1500\n", "YAML syntax: "},
        Refused{"no_value", "\n ]\nkind: Port\n", "a.yaml:2:2: YAML syntax: "},
        Refused{"not_utf8", "kind: Port\nname: \xff\n", "a.yaml:2:7: the file is not UTF-8 text"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Yaml, FindsEveryMistakeAtOnce) {
  const LoadedState loaded = load(
      "kind: Service\nname: web\nspec:\n  port: 0\n  mod: NAT\n  addresses: [x]\n"
      "---\nkind: Port\nname: wan\nspec:\n  mtu: 1\n");
  EXPECT_THAT(lines_of(loaded.problems),
              ElementsAre(HasSubstr("a.yaml:4:"), HasSubstr("a.yaml:5:"), HasSubstr("a.yaml:6:"),
                          HasSubstr("a.yaml:11:")));
}

TEST(Yaml, AnAliasBombIsRefusedWhileItIsSmall) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) text += before + (j < 8 ? ", " : "]\n");
  }
  EXPECT_FALSE(load(text).problems.empty());
}

TEST(Yaml, DeepNestingEndsWithAProblem) {
  EXPECT_THAT(lines_of(load(std::string(5'000, '[')).problems),
              testing::Contains(HasSubstr("nested more than 64 levels")));
}

TEST(Yaml, MistakesBeyondTheHundredthAreCounted) {
  std::string text = "kind: Service\nname: web\nspec:\n  addresses:\n";
  for (int i = 0; i < 150; ++i) text += "    - nonsense\n";
  const LoadedState loaded = load(text);
  EXPECT_EQ(loaded.problems.list().size(), Problems::kLimit);
  EXPECT_EQ(loaded.problems.not_kept(), 50U);
}

TEST(Yaml, ControlCharactersDoNotReachTheTerminal) {
  const LoadedState loaded = load("kind: Port\nname: \"a\\e[31mb\"\nspec: {}\n");
  EXPECT_THAT(lines_of(loaded.problems),
              ElementsAre(AllOf(HasSubstr("\\x1b[31m"), testing::Not(HasSubstr("\x1b")))));
}

TEST(Config, ReadsSettingsAndFillsDefaults) {
  v1::DataplaneConfig config;
  const Problems problems =
      load_config({"node.yaml", "",
                   "state_folder: /tmp/x\ncores: {workers: [0, 0], idle: poll}\n"
                   "ports:\n  - {name: wan, mode: af-xdp, device: veth0}\n"},
                  config);
  EXPECT_THAT(lines_of(problems), IsEmpty());
  EXPECT_EQ(config.node(), "local");
  EXPECT_EQ(config.cores().workers_size(), 2);
  EXPECT_EQ(config.cores().idle(), v1::POLL);
  EXPECT_EQ(config.ports(0).mode(), v1::AF_XDP);
  EXPECT_EQ(config.ports(0).queue_size(), 2048U);
  EXPECT_EQ(config.exception().rate(), 20'000U);
}

TEST(Config, SaysWhatIsMissingAndWhere) {
  v1::ControlConfig config;
  EXPECT_THAT(
      lines_of(load_config({"c.yaml", "", "listen: 198.18.0.1\n"}, config)),
      ElementsAre(HasSubstr("c.yaml:1:9: listen: '198.18.0.1' is not an address with a port"),
                  HasSubstr("c.yaml:1:1: state_folder: state_folder is missing")));
}

}  // namespace
}  // namespace sluice::model
