// Changes in steps, as the keeper of the desired state makes them.
#include "control/daemon/keeper.hpp"

#include <filesystem>

#include <unistd.h>

#include "control/model/yaml.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace sluice::control {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

v1::DesiredState web(unsigned weight_of_last, const std::string& more = "") {
  return model::load_state({{"s.yaml", "",
                             R"(kind: Service
name: web
spec:
  addresses: [198.18.100.80]
  port: 80
  max_disruption: 20
)" + more + R"(  backends:
    - {name: be1, addresses: [198.18.1.1]}
    - {name: be2, addresses: [198.18.1.2]}
    - {name: be3, addresses: [198.18.1.3], weight: )" +
                                 std::to_string(weight_of_last) + "}\n"}})
      .state;
}

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    health::CheckerOptions options;
    options.unix_time = [] { return std::uint64_t{1'000}; };
    options.way_is_lossy = [] { return false; };
    options.decided = [](const health::Decisions&) {};
    checker_ = *health::Checker::start(std::move(options), clock_);
    std::filesystem::create_directories(folder_);
    store_.emplace(*Store::open(folder_));
    keeper_ = *Keeper::start(
        *store_, fleet_, *checker_, [] { return std::uint64_t{1'000}; }, 100);
    EXPECT_THAT(apply(web(1)).problems(), IsEmpty());
  }
  ~KeeperTest() override {
    keeper_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  v1::ApplyResponse apply(const v1::DesiredState& state, std::uint32_t step = 0,
                          const std::string& comment = "", bool dry_run = false) {
    v1::ApplyRequest request;
    *request.mutable_state() = state;
    request.set_stagger_step(step);
    request.set_comment(comment);
    request.set_dry_run(dry_run);
    return *keeper_->apply(request, "test");
  }
  std::string comment() { return keeper_->history({})->revisions(0).comment(); }
  /// Of be3, in force.
  unsigned weight() { return keeper_->get({})->documents(0).service().backends(2).weight(); }

  const std::string folder_ =
      (std::filesystem::temp_directory_path() / ("keeper_test." + std::to_string(::getpid())))
          .string();
  MonotonicClock clock_;
  Fleet fleet_{clock_};
  std::unique_ptr<health::Checker> checker_;
  std::optional<Store> store_;
  std::unique_ptr<Keeper> keeper_;
};

TEST_F(KeeperTest, WithoutStepsAGuardedChangeIsRefusedAndToldOfThem) {
  const auto response = apply(web(9));
  ASSERT_EQ(1, response.problems_size());
  EXPECT_THAT(response.problems(0).fix(), HasSubstr("sluice apply --stagger"));
  EXPECT_EQ(1U, keeper_->current());
  EXPECT_THAT(response.steps(), IsEmpty());
}

TEST_F(KeeperTest, EachStepIsARevisionAndTheLastIsTheWantedState) {
  std::uint32_t step = 0;
  for (bool last = false; !last && step < 10;) {
    const auto response = apply(web(9), ++step, "more");
    ASSERT_THAT(response.problems(), IsEmpty());
    ASSERT_EQ(1, response.steps_size());
    EXPECT_EQ(1U + step, response.revision());
    EXPECT_EQ("more (step " + std::to_string(step) + " of a staggered change)", comment());
    EXPECT_LE(response.steps(0).services(0).moved(), 20);
    last = response.steps(0).last();
  }
  EXPECT_EQ(3U, step);
  EXPECT_EQ(9U, weight());
  const auto again = apply(web(9), 1);
  EXPECT_THAT(again.changes(), IsEmpty());
  EXPECT_THAT(again.steps(), IsEmpty());
  EXPECT_EQ(4U, again.revision());
  v1::RollbackRequest back;
  back.set_revision(1);
  ASSERT_TRUE(keeper_->rollback(back, "test"));
  EXPECT_EQ(1U, weight());
}

TEST_F(KeeperTest, ADryRunForeseesAllStepsAndMakesNone) {
  const auto response = apply(web(9), 1, "", true);
  EXPECT_THAT(response.problems(), IsEmpty());
  EXPECT_EQ(3, response.steps_size());
  EXPECT_EQ(1, response.changes_size());
  EXPECT_EQ(1U, keeper_->current());
}

TEST_F(KeeperTest, TheNextStepGoesFromWhatIsInForceThen) {
  ASSERT_EQ(1, apply(web(9), 1).steps_size());
  ASSERT_THAT(apply(web(1)).problems(), IsEmpty());  // somebody takes it back
  EXPECT_EQ(1U, weight());
  const auto response = apply(web(9), 2);
  EXPECT_FALSE(response.steps(0).last());
  EXPECT_EQ("step 2 of a staggered change", comment());
}

TEST_F(KeeperTest, WhatIsAllOfItIsNoStep) {
  const auto response = apply(web(1, "  drain_timeout: 5m\n"), 1, "calm");
  EXPECT_TRUE(response.steps(0).last());
  EXPECT_EQ("calm", comment());
}

TEST_F(KeeperTest, AStepThatCannotBeMadeChangesNothing) {
  const auto response = apply(web(1, "  table_size: 4093\n"), 1);
  ASSERT_EQ(1, response.problems_size());
  EXPECT_THAT(response.problems(0).what(), HasSubstr("cannot be divided"));
  EXPECT_THAT(response.changes(), IsEmpty());
  EXPECT_EQ(1U, keeper_->current());
}

}  // namespace
}  // namespace sluice::control
