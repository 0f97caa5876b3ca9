// What a change would do to services, as dry runs tell it, and the guard that it may run into.
#include "control/model/preview.hpp"

#include "control/model/diff.hpp"
#include "control/model/validate.hpp"
#include "control/model/yaml.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Text {
  std::string backends;
  std::string more{};
  std::string name = "web";
};

v1::DesiredState state_of(const Text& text) {
  LoadedState loaded = load_state({{"s.yaml", "", "kind: Service\nname: " + text.name + R"(
spec:
  addresses: [198.18.100.80]
  port: 80
)" + text.more + "  backends:\n" + text.backends}});
  validate(loaded.state, loaded.problems);
  for (const auto& problem : loaded.problems.list()) ADD_FAILURE() << text_of(problem);
  return loaded.state;
}

std::string backends(unsigned count, const std::string& of_first = "") {
  std::string out;
  for (unsigned i = 1; i <= count; ++i)
    out += "    - {name: be" + std::to_string(i) + ", addresses: [198.18.1." + std::to_string(i) +
           "]" + (i == 1 ? of_first : "") + "}\n";
  return out;
}

const FlowCounts kFlows{{{"web", "be1"}, 10}, {{"web", "be2"}, 20}, {{"other", "be1"}, 99}};

v1::ServicePreview preview(const Text& before, const Text& after, const Unhealthy& unhealthy = {}) {
  const v1::DesiredState had = state_of(before), has = state_of(after);
  std::vector<v1::Change> changes = diff(had, has);
  add_previews(had, has, unhealthy, changes);
  EXPECT_FALSE(changes.empty());
  add_flows(had, has, kFlows, changes.at(0));
  return changes.at(0).preview();
}

TEST(Preview, ABackendThatDrainsMovesItsShareAndKeepsItsFlows) {
  const auto said = preview({backends(4)}, {backends(4, ", weight: 0")});
  ASSERT_EQ(1, said.tables_size());
  EXPECT_EQ(4U, said.tables(0).family());
  EXPECT_EQ(65'537U, said.tables(0).slots());
  EXPECT_NEAR(25, said.tables(0).least(), 0.001);
  EXPECT_GT(said.tables(0).moved(), 24.99);
  EXPECT_LT(said.tables(0).moved(), 27);
  EXPECT_EQ(30U, said.flows());
  EXPECT_EQ(0U, said.flows_ended());
  EXPECT_EQ(10U, said.flows_draining());
  EXPECT_THAT(lines_of(said)[0], HasSubstr("of 65537 slots move, 25.0 % at least"));
  EXPECT_THAT(lines_of(said)[1], HasSubstr("flows: 30 now, 0 end, 10 are let finish"));
}

TEST(Preview, ADeadlineIsSaid) {
  const auto said = preview({backends(2)}, {backends(2, ", weight: 0"), "  drain_timeout: 5m\n"});
  EXPECT_THAT(lines_of(said)[1], HasSubstr("10 are let finish for 5m and then ended"));
}

TEST(Preview, ABackendThatGoesEndsItsFlows) {
  EXPECT_EQ(20U, preview({backends(2)}, {backends(1)}).flows_ended());
  EXPECT_EQ(10U, preview({backends(2)}, {backends(2, ", port: 81")}).flows_ended());
  const std::string moved = "    - {name: be1, addresses: [198.18.1.9]}\n";
  EXPECT_EQ(30U, preview({backends(2)}, {moved}).flows_ended());
}

TEST(Preview, LeavingATunnelForTranslationEndsFlows) {
  const std::string tunnel = "  mode: IPIP\n  tunnel: {sources: [198.18.3.1]}\n";
  const std::string full = "  mode: FULL_NAT\n  local_addresses: [198.18.2.0/28]\n";
  EXPECT_EQ(30U, preview({backends(2), tunnel}, {backends(2)}).flows_ended());
  EXPECT_EQ(30U, preview({backends(2), tunnel}, {backends(2), full}).flows_ended());
  EXPECT_EQ(0U, preview({backends(2)}, {backends(2), full}).flows_ended());
  EXPECT_EQ(0U, preview({backends(2), full}, {backends(2)}).flows_ended());
  EXPECT_EQ(10U, preview({backends(2), full}, {backends(2, ", weight: 0"), full}).flows_draining());
}

TEST(Preview, UdpGoesOnElsewhere) {
  const std::string udp = "  protocol: UDP\n";
  const auto said = preview({backends(2), udp}, {backends(1), udp});
  EXPECT_EQ(0U, said.flows_ended());
  EXPECT_EQ(20U, said.flows_moved());
  EXPECT_THAT(lines_of(said)[1], HasSubstr("20 go on at other backends"));
}

TEST(Preview, AServiceThatGoesEndsThemAll) {
  const auto said = preview({backends(2)}, {backends(2), "", "elsewhere"});
  // The first change is the service that is added: it has nothing to lose.
  EXPECT_EQ(0U, said.flows());
  const v1::DesiredState had = state_of({backends(2)}), has;
  std::vector<v1::Change> changes = diff(had, has);
  add_previews(had, has, {}, changes);
  add_flows(had, has, kFlows, changes.at(0));
  EXPECT_EQ(30U, changes.at(0).preview().flows_ended());
  EXPECT_THAT(changes.at(0).preview().tables(), IsEmpty());
}

TEST(Preview, WhoIsUnhealthyHasNoShareToLose) {
  const Unhealthy dead{{"web", "be1", "198.18.1.1"}};
  EXPECT_EQ(0, preview({backends(4)}, {backends(4, ", weight: 0")}, dead).tables(0).moved());
}

TEST(Preview, WhatDoesNotConcernTheTableMovesNothing) {
  const auto said = preview({backends(4)}, {backends(4), "  timeouts: {tcp_idle: 1h}\n"});
  EXPECT_EQ(0, said.tables(0).moved());
  EXPECT_EQ(0, said.tables(0).least());
}

TEST(Preview, OtherSchedulersHaveNoTable) {
  const std::string turns = "  scheduler: WEIGHTED_ROUND_ROBIN\n";
  EXPECT_THAT(preview({backends(4), turns}, {backends(3), turns}).tables(), IsEmpty());
}

TEST(Preview, IsInJson) {
  const auto said = preview({backends(4)}, {backends(4, ", weight: 0")});
  const std::string json = message_to_json(said, 0, Absent::shown);
  EXPECT_THAT(json, HasSubstr("\"flows_draining\": 10"));
  EXPECT_THAT(json, HasSubstr("\"moved\": 2"));
}

std::vector<std::string> guarded(const Text& before, const Text& after) {
  const v1::DesiredState had = state_of(before), has = state_of(after);
  std::vector<v1::Change> changes = diff(had, has);
  add_previews(had, has, {}, changes);
  Problems problems;
  check_disruption(has, changes, problems);
  EXPECT_TRUE(problems.empty() || is_guarded(has, changes));
  std::vector<std::string> out;
  for (const auto& problem : problems.list()) out.push_back(text_of(problem));
  return out;
}

TEST(MaxDisruption, RefusesWhatMovesMore) {
  const std::string guard = "  max_disruption: 20\n";
  EXPECT_THAT(guarded({backends(4), guard}, {backends(3), guard}),
              ElementsAre(testing::AllOf(HasSubstr("Service/web: spec.max_disruption"),
                                         HasSubstr("of the IPv4 table, more than the 20 % allowed"),
                                         HasSubstr("make it in steps"),
                                         HasSubstr("raise or remove max_disruption"))));
  EXPECT_THAT(guarded({backends(10), guard}, {backends(9), guard}), IsEmpty());
  EXPECT_THAT(guarded({backends(4), guard}, {backends(3), "  max_disruption: 50\n"}), IsEmpty());
  EXPECT_THAT(guarded({backends(4), guard}, {backends(3)}), IsEmpty());
}

}  // namespace
}  // namespace sluice::model
