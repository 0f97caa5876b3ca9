// The schema's health check: read, refused, compared, printed.
#include "control/model/diff.hpp"
#include "control/model/validate.hpp"
#include "control/model/yaml.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::model {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string service(const std::string& check) {
  return R"(kind: Service
name: web
spec:
  addresses: [198.18.100.80]
  port: 80
  backends: [{name: be1, addresses: [198.18.1.11]}]
)" + check;
}

/// What is wrong with a state, a line each.
std::vector<std::string> problems_of(const std::string& check) {
  LoadedState loaded = load_state({{"s.yaml", "", service(check)}});
  if (loaded.problems.empty()) validate(loaded.state, loaded.problems, &loaded.places);
  std::vector<std::string> out;
  for (const auto& problem : loaded.problems.list()) out.push_back(text_of(problem));
  return out;
}

v1::DesiredState state_of(const std::string& check) {
  return load_state({{"s.yaml", "", service(check)}}).state;
}

TEST(HealthCheckModel, EachKindIsTaken) {
  EXPECT_THAT(problems_of("  health_check: {tcp: {}}\n"), IsEmpty());
  EXPECT_THAT(problems_of(R"(  health_check:
    http: {path: /health, host: www.example.test, method: HEAD, status: [200, "301-302"]}
    port: 8081
    interval: 5s
    fast_interval: 1s
    timeout: 5s
    rise: 1
    fall: 100
)"),
              IsEmpty());
  EXPECT_THAT(problems_of("  health_check: {dns: {name: example.test, type: AAAA, "
                          "answer: \"2001:2::1\"}}\n"),
              IsEmpty());
  EXPECT_THAT(problems_of("  health_check: {udp: {hex: \"00ff\", reply_text: ok}}\n"), IsEmpty());
  EXPECT_THAT(problems_of("  health_check: {tcp: {}, interval: 200ms, timeout: 100ms}\n"),
              IsEmpty())
      << "the default of fast_interval is not held against it";
}

TEST(HealthCheckModel, EveryMistakeIsFoundWhereItIs) {
  EXPECT_THAT(problems_of(R"(  health_check:
    http: {path: health, host: "a b", status: [20, 299-200]}
    timeout: 3s
    rise: 0
)"),
              ElementsAre(AllOf(HasSubstr("s.yaml:8:48:"), HasSubstr("'20' is not a status code")),
                          AllOf(HasSubstr("s.yaml:8:52:"), HasSubstr("'299-200' is not")),
                          AllOf(HasSubstr("s.yaml:10:11:"), HasSubstr("0 is out of range"))));
  EXPECT_THAT(
      problems_of(R"(  health_check:
    http: {path: health, host: "a b", method: HEAD, body: x}
    interval: 1s
    fast_interval: 2s
    timeout: 3s
)"),
      ElementsAre(AllOf(HasSubstr("s.yaml:11:14:"), HasSubstr("the timeout of 3s is longer")),
                  AllOf(HasSubstr("s.yaml:10:20:"), HasSubstr("the fast interval of 2s is longer")),
                  AllOf(HasSubstr("s.yaml:8:18:"), HasSubstr("does not begin with '/'")),
                  AllOf(HasSubstr("s.yaml:8:32:"), HasSubstr("'a b' has characters")),
                  AllOf(HasSubstr("s.yaml:8:59:"), HasSubstr("an answer to HEAD has no body"))));
  EXPECT_THAT(problems_of("  health_check: {interval: 1ms}\n"),
              ElementsAre(AllOf(HasSubstr("s.yaml:7:28:"), HasSubstr("'1ms' is out of range")),
                          HasSubstr("does not say what is asked")));
}

TEST(HealthCheckModel, ACheckIsOfOneKind) {
  EXPECT_THAT(
      problems_of("  health_check: {tcp: {}, udp: {text: x}}\n"),
      ElementsAre(AllOf(HasSubstr("s.yaml:7:27:"), HasSubstr("tcp and udp exclude each other"))));
  EXPECT_THAT(problems_of("  health_check: {udp: {text: x, hex: \"00\"}}\n"),
              ElementsAre(HasSubstr("text and hex exclude each other")));
}

TEST(HealthCheckModel, DnsAndUdpSayWhatTheyNeed) {
  EXPECT_THAT(problems_of("  health_check: {dns: {}}\n"),
              ElementsAre(HasSubstr("name is missing")));
  EXPECT_THAT(problems_of("  health_check: {dns: {name: a.test, answer: a.b.c}}\n"),
              ElementsAre(HasSubstr("'a.b.c' is not an IPv4 address")));
  EXPECT_THAT(
      problems_of("  health_check: {dns: {name: a.test, rcode: NXDOMAIN, answer: 192.0.2.1}}\n"),
      ElementsAre(HasSubstr("other than NOERROR")));
  EXPECT_THAT(problems_of("  health_check: {udp: {}}\n"),
              ElementsAre(HasSubstr("the datagram is empty")));
  EXPECT_THAT(problems_of("  health_check: {udp: {hex: \"0\"}}\n"),
              ElementsAre(HasSubstr("'0' is not bytes in hexadecimal")));
}

TEST(HealthCheckModel, AnEmptyChoiceIsAChangeAndReadsBack) {
  const auto plain = state_of("");
  const auto checked = state_of("  health_check: {tcp: {}}\n");
  const auto other = state_of("  health_check: {http: {}}\n");
  const auto lines = [](const v1::DesiredState& before, const v1::DesiredState& after) {
    const auto changes = diff(before, after);
    std::string out;
    for (const auto& change : changes) out += text_of(change);
    return out;
  };
  EXPECT_THAT(lines(plain, checked), HasSubstr("spec.health_check.tcp: absent -> given"));
  EXPECT_THAT(lines(checked, plain), HasSubstr("spec.health_check.tcp: given -> absent"));
  EXPECT_THAT(lines(checked, other), HasSubstr("spec.health_check.http: absent -> given"));
  EXPECT_EQ("", lines(checked, state_of("  health_check: {tcp: {}, interval: 2s}\n")))
      << "a default that is written is no change";
  const auto read = load_state({{"again.yaml", "", to_yaml(checked)}});
  EXPECT_EQ(checked.SerializeAsString(), read.state.SerializeAsString());
  EXPECT_THAT(to_yaml(checked), HasSubstr("tcp: {}"));
}

}  // namespace
}  // namespace sluice::model
