// A change in steps: each within the guard, an end, and then exactly what was wanted.
#include "control/model/stagger.hpp"

#include <random>

#include <fmt/format.h>

#include "control/model/diff.hpp"
#include "control/model/kinds.hpp"
#include "control/model/validate.hpp"

namespace sluice::model {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Weights = std::vector<std::pair<unsigned, unsigned>>;  ///< number of the backend, weight

v1::DesiredState state_of(const Weights& weights, unsigned max_disruption = 20,
                          unsigned table_size = 65'537) {
  v1::DesiredState state;
  v1::Document& document = *state.add_documents();
  document.set_name("web");
  v1::Service& service = *document.mutable_service();
  service.add_addresses("198.18.100.80");
  service.set_port(80);
  service.set_table_size(table_size);
  service.set_max_disruption(max_disruption);
  for (const auto& [number, weight] : weights) {
    v1::Backend& backend = *service.add_backends();
    backend.set_name("be" + std::to_string(number));
    backend.add_addresses(fmt::format("198.18.{}.{}", 200 + number / 250, 1 + number % 250));
    backend.set_weight(weight);
  }
  Problems problems;
  validate(state, problems);
  for (const auto& problem : problems.list()) ADD_FAILURE() << text_of(problem);
  return state;
}

v1::Service& service_of(v1::DesiredState& state) {
  return *state.mutable_documents(0)->mutable_service();
}

std::vector<unsigned> weights_of(const v1::DesiredState& state) {
  std::vector<unsigned> out;
  for (const v1::Backend& backend : state.documents(0).service().backends())
    out.push_back(backend.weight());
  return out;
}

struct Walk {
  std::vector<v1::DesiredState> states;  ///< after each step
  std::vector<v1::StaggerStep> said;
  std::vector<std::string> problems;
};

double moved(const v1::DesiredState& before, const v1::DesiredState& after,
             const Unhealthy& unhealthy = {}) {
  v1::ServicePreview preview;
  add_tables(before.documents(0), after.documents(0), unhealthy, preview);
  return most_moved(preview);
}

/// Goes on until there is an end, or 500 steps; every step is held to the guard and to validation.
Walk walk(v1::DesiredState state, const v1::DesiredState& wanted, const Unhealthy& unhealthy = {}) {
  Walk out;
  while (out.states.size() < 500) {
    Problems problems;
    Step step = next_step(state, wanted, unhealthy, problems);
    for (const auto& problem : problems.list()) out.problems.push_back(text_of(problem));
    if (!problems.empty()) break;
    const unsigned most = wanted.documents(0).service().max_disruption();
    if (most != 0) {
      EXPECT_LE(moved(state, step.state, unhealthy), most);
    }
    validate(step.state, problems);
    EXPECT_TRUE(problems.empty());
    state = step.state;
    out.states.push_back(std::move(step.state));
    out.said.push_back(std::move(step.said));
    if (out.said.back().last()) break;
  }
  return out;
}

std::string bytes(const v1::DesiredState& state) {
  return state.SerializeAsString();
}

TEST(Stagger, WeightsGoStraightToWhatIsWanted) {
  const auto had = state_of({{1, 1}, {2, 1}, {3, 1}}), wanted = state_of({{1, 1}, {2, 1}, {3, 9}});
  const Walk way = walk(had, wanted);
  ASSERT_EQ(3U, way.states.size());  // 48.5 % of shares change
  EXPECT_EQ(bytes(wanted), bytes(way.states.back()));
  for (const auto& state : way.states) EXPECT_EQ(weights_of(state)[0], weights_of(state)[1]);
  EXPECT_EQ("web", way.said[0].services(0).name());
  EXPECT_GT(way.said[0].services(0).moved(), 19);
  EXPECT_NEAR(29, way.said[0].services(0).left(), 1);
  EXPECT_FALSE(way.said[0].last());
  EXPECT_EQ(0, way.said[2].services(0).left());
  EXPECT_THAT(text_of(way.said[0]), HasSubstr("% of the table, 2"));
}

TEST(Stagger, WhatFitsGoesAtOnce) {
  const auto had = state_of({{1, 10}, {2, 10}, {3, 10}}),
             wanted = state_of({{1, 9}, {2, 10}, {3, 10}});
  const Walk way = walk(had, wanted);
  ASSERT_EQ(1U, way.states.size());
  EXPECT_EQ(bytes(wanted), bytes(way.states[0]));
}

TEST(Stagger, WhoGoesHasWeightZeroFirst) {
  const auto had = state_of({{1, 1}, {2, 1}, {3, 1}}), wanted = state_of({{1, 1}, {3, 1}});
  const Walk way = walk(had, wanted);
  ASSERT_EQ(3U, way.states.size());
  EXPECT_THAT(weights_of(way.states[1]), ElementsAre(1, 1, 0));
  EXPECT_EQ("be2", way.states[1].documents(0).service().backends(2).name());
  EXPECT_EQ(0, moved(way.states[1], way.states[2]));
  EXPECT_EQ(bytes(wanted), bytes(way.states[2]));
  EXPECT_EQ("moves no table", text_of(way.said[2]));
}

TEST(Stagger, AllBackendsAreExchanged) {
  const auto had = state_of({{1, 1}, {2, 1}}), wanted = state_of({{3, 5}, {4, 5}});
  const Walk way = walk(had, wanted);
  EXPECT_THAT(way.problems, IsEmpty());
  EXPECT_LE(way.states.size(), 8U);
  EXPECT_EQ(bytes(wanted), bytes(way.states.back()));
}

TEST(Stagger, NobodyWhoStaysIsDrainedOnTheWay) {
  const auto had = state_of({{1, 1000}, {2, 1}, {3, 1}}),
             wanted = state_of({{1, 1}, {2, 1}, {3, 1000}});
  const Walk way = walk(had, wanted);
  for (const auto& state : way.states)
    EXPECT_THAT(weights_of(state), testing::Each(testing::Ge(1U)));
  EXPECT_EQ(bytes(wanted), bytes(way.states.back()));
}

TEST(Stagger, OtherChangesComeWithTheFirstStep) {
  auto had = state_of({{1, 1}, {2, 1}}), wanted = state_of({{1, 1}, {2, 0}});
  service_of(wanted).mutable_timeouts()->set_tcp_idle("1h");
  *wanted.add_documents() = had.documents(0);
  wanted.mutable_documents(1)->set_name("other");
  wanted.mutable_documents(1)->mutable_service()->set_port(81);
  const Walk way = walk(had, wanted);
  ASSERT_EQ(3U, way.states.size());
  EXPECT_EQ("1h", way.states[0].documents(0).service().timeouts().tcp_idle());
  EXPECT_EQ("other", way.states[0].documents(1).name());
  EXPECT_EQ(bytes(wanted), bytes(way.states.back()));
}

TEST(Stagger, EachServiceGoesAtItsOwnPace) {
  auto had = state_of({{1, 1}, {2, 1}}), wanted = state_of({{1, 1}, {2, 0}});
  for (auto* state : {&had, &wanted}) {
    *state->add_documents() = state->documents(0);
    state->mutable_documents(1)->set_name("other");
    state->mutable_documents(1)->mutable_service()->set_port(81);
    state->mutable_documents(1)->mutable_service()->set_max_disruption(60);
  }
  const Walk way = walk(had, wanted);
  ASSERT_EQ(3U, way.states.size());
  EXPECT_EQ(wanted.documents(1).SerializeAsString(),
            way.states[0].documents(1).SerializeAsString());
  EXPECT_EQ(2, way.said[0].services_size());
  EXPECT_EQ(1, way.said[1].services_size());
}

TEST(Stagger, WithoutGuardAllIsOneStep) {
  auto had = state_of({{1, 1}, {2, 1}}), wanted = state_of({{1, 1}, {2, 0}});
  service_of(wanted).clear_max_disruption();
  EXPECT_EQ(1U, walk(had, wanted).states.size());
}

TEST(Stagger, ItGoesOnFromWhereItIs) {
  const auto had = state_of({{1, 1}, {2, 1}, {3, 1}}), wanted = state_of({{1, 1}, {2, 1}, {3, 9}});
  const Walk first = walk(had, wanted), second = walk(first.states[0], wanted);
  ASSERT_EQ(2U, second.states.size());
  EXPECT_EQ(bytes(first.states[1]), bytes(second.states[0]));
}

TEST(Stagger, WhoIsUnhealthyMovesNothing) {
  const Unhealthy dead{{"web", "be2", "198.18.200.3"}};
  const auto had = state_of({{1, 1}, {2, 1}, {3, 1}}), wanted = state_of({{1, 1}, {2, 0}, {3, 1}});
  EXPECT_EQ(1U, walk(had, wanted, dead).states.size());
}

TEST(Stagger, AllStepsAreThoseOfAWalk) {
  const auto had = state_of({{1, 1}, {2, 1}, {3, 1}}), wanted = state_of({{1, 1}, {3, 4}, {4, 1}});
  const Walk way = walk(had, wanted);
  Problems problems;
  const auto steps = all_steps(had, wanted, {}, problems);
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(way.said.size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i)
    EXPECT_EQ(way.said[i].SerializeAsString(), steps[i].SerializeAsString());
}

TEST(StaggerRefuses, WhatCannotBeDivided) {
  const Weights even{{1, 1}, {2, 1}};
  const auto had = state_of(even);
  auto size = state_of(even, 20, 4093), hash = state_of(even), address = state_of(even),
       port = state_of(even);
  service_of(hash).set_scheduler(v1::Service::SOURCE_HASH);
  service_of(address).mutable_backends(1)->set_addresses(0, "198.18.1.9");
  service_of(port).set_port(8080);
  service_of(hash).clear_table_size();  // the default is no change
  const std::vector<std::pair<v1::DesiredState, std::string>> cases{
      {size, "spec.max_disruption: table_size moves"},
      {hash, "spec.max_disruption: scheduler moves 100.0 %"},
      {address, "spec.max_disruption: the address or port of backend be2 moves"},
      {port, "spec.max_disruption: port moves 100.0 %"}};
  for (const auto& [wanted, what] : cases) {
    const Walk way = walk(had, wanted);
    EXPECT_THAT(way.states, IsEmpty());
    EXPECT_THAT(way.problems, ElementsAre(AllOf(HasSubstr("Service/web: " + what),
                                                HasSubstr("cannot be divided into steps"),
                                                HasSubstr("raise or remove max_disruption"))));
  }
}

TEST(StaggerRefuses, ToLeaveNobody) {
  const Walk way = walk(state_of({{1, 1}, {2, 1}}), state_of({{1, 0}, {2, 0}}));
  EXPECT_THAT(way.problems,
              ElementsAre(HasSubstr("no step of the change moves 20 % of the table")));
}

TEST(Stagger, AnAddressThatFitsComesFirst) {
  auto had = state_of({{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 2}}, 30);
  auto wanted = state_of({{1, 5}, {2, 1}, {3, 1}, {4, 1}, {5, 2}}, 30);
  service_of(wanted).mutable_backends(1)->set_addresses(0, "198.18.1.9");
  const Walk way = walk(had, wanted);
  EXPECT_THAT(way.problems, IsEmpty());
  EXPECT_EQ("198.18.1.9", way.states[0].documents(0).service().backends(1).addresses(0));
  EXPECT_EQ(bytes(wanted), bytes(way.states.back()));
}

/// Some weights changed, some backends gone, some new.
struct Random {
  explicit Random(unsigned seed) : draw(seed) {}
  unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(draw); }
  Weights some(unsigned count, unsigned weight_max) {
    Weights out;
    for (unsigned i = 0; i < count; ++i) out.emplace_back(i, 1 + below(weight_max));
    return out;
  }
  Weights changed(Weights weights, unsigned weight_max) {
    Weights out;
    for (auto [number, weight] : weights) {
      const unsigned fate = below(10);
      if (fate == 0 && !out.empty()) continue;
      out.emplace_back(number, fate < 4 ? 1 + below(weight_max) : weight);
    }
    const unsigned more = below(4);
    for (unsigned i = 0; i < more; ++i)
      out.emplace_back(static_cast<unsigned>(weights.size()) + i, 1 + below(weight_max));
    return out;
  }
  std::mt19937 draw;
};

TEST(StaggerProperty, EveryStepIsWithinTheGuardAndTheEndIsExact) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const unsigned most = 5 + random.below(36), weight_max = seed % 3 == 0 ? 1000 : 10;
    const Weights weights = random.some(2 + random.below(14), weight_max);
    const auto had = state_of(weights, most, 4093);
    const auto wanted = state_of(random.changed(weights, weight_max), most, 4093);
    const Walk way = walk(had, wanted);
    ASSERT_THAT(way.problems, IsEmpty());
    EXPECT_EQ(bytes(wanted), bytes(way.states.back()));
    // A table moves somewhat more than shares alone ask for; and who goes takes a step of its own.
    const double least = moved(had, wanted) / most;
    EXPECT_LE(static_cast<double>(way.states.size()), 3 + 1.5 * least);
  }
}

}  // namespace
}  // namespace sluice::model
