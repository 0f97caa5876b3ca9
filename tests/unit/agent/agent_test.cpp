#include "dataplane/agent/agent.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/agent/file_steering.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/agent/fake_control.hpp"

namespace sluice::agent {
namespace {

/// Takes every state but those that hold a document called "bad".
class FakePlane final : public Plane {
 public:
  std::vector<v1::Problem> apply(const v1::Snapshot& snapshot, const model::Places*) override {
    std::vector<v1::Problem> problems;
    for (const v1::Document& document : snapshot.state().documents()) {
      if (document.name() != "bad") continue;
      v1::Problem& problem = problems.emplace_back();
      problem.set_path("Zone/bad: spec.text");
      problem.set_what("no SOA");
    }
    if (problems.empty()) applied.push_back(snapshot.revision());
    return problems;
  }
  void set_health(const v1::Health& said) override {
    for (const v1::BackendHealth& one : said.backends()) *known.add_backends() = one;
  }
  v1::Health health() override { return known; }
  std::vector<v1::PortFact> ports() override {
    v1::PortFact port;
    port.set_name("wan");
    return {port};
  }
  void sample(Samples& samples) override { samples.total("turns_total", {{"worker", "0"}}, 42); }
  std::string trouble() override { return {}; }
  void ask(const v1::Query& query) override {
    v1::FromDataplane& out = results.emplace_back();
    out.mutable_result()->set_id(query.id());
    out.mutable_result()->set_last(true);
  }
  void trace(const v1::Trace& trace) override { traces.push_back(trace.id()); }
  void stop_trace(std::uint64_t id) override { stopped.push_back(id); }
  void take_results(const Sink& sink) override {
    for (v1::FromDataplane& out : std::exchange(results, {})) sink(std::move(out));
  }

  v1::Health known;
  std::vector<std::uint64_t> applied;
  std::vector<std::uint64_t> traces;
  std::vector<std::uint64_t> stopped;
  std::vector<v1::FromDataplane> results;
};

v1::ToDataplane snapshot(std::uint64_t revision, const std::string& document = "good") {
  v1::ToDataplane message;
  message.mutable_snapshot()->set_revision(revision);
  v1::Document& added = *message.mutable_snapshot()->mutable_state()->add_documents();
  added.set_name(document);
  added.mutable_zone()->set_text("text");
  return message;
}

class AgentTest : public testing::Test {
 protected:
  std::string target() const { return "unix:" + folder_.path() + "/control.sock"; }
  std::unique_ptr<Agent> make_agent(FakePlane& plane, const std::string& state_folder) {
    SteeringOptions options;
    options.target = target();
    options.retry_min = kMillisecond;
    options.retry_max = 10 * kMillisecond;
    options.wake = [] {};
    return std::make_unique<Agent>(Identity{"edge-1", "0.1.0", 2, 1234}, options,
                                   StateFile(state_folder), plane);
  }
  std::unique_ptr<Agent> make_agent(FakePlane& plane) { return make_agent(plane, folder_.path()); }

  template <class Done>
  bool turn_until(Agent& agent, Done&& done) {
    const Nanoseconds end = clock_.now() + 10 * kSecond;
    while (!done()) {
      if (clock_.now() > end) return false;
      agent.turn(clock_.now());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  /// The first message of a kind that control has received, waited for.
  template <class Has>
  std::optional<v1::FromDataplane> wait_for(Agent& agent, test::FakeControl& control, Has&& has) {
    std::optional<v1::FromDataplane> found;
    turn_until(agent, [&] {
      for (const v1::FromDataplane& message : control.received()) {
        if (has(message) && !found) found = message;
      }
      return found.has_value();
    });
    return found;
  }

  sluice::test::TemporaryFolder folder_;
  MonotonicClock clock_;
};

TEST_F(AgentTest, AppliesAcknowledgesAndRestoresAfterARestart) {
  {
    test::FakeControl control(target());
    control.on_hello = {snapshot(7)};
    FakePlane plane;
    const auto agent = make_agent(plane);
    EXPECT_TRUE(agent->begin().empty());
    const auto answer =
        wait_for(*agent, control, [](const auto& m) { return m.has_acknowledge(); });
    ASSERT_TRUE(answer);
    EXPECT_EQ(7U, answer->acknowledge().revision());
    EXPECT_EQ(1U, plane.applied.size());
  }
  // Control is away now.
  FakePlane plane;
  const auto agent = make_agent(plane);
  EXPECT_TRUE(agent->begin().empty());
  EXPECT_THAT(plane.applied, testing::ElementsAre(7));
  EXPECT_EQ(7U, agent->revision());

  // It comes back and sends what is in force: nothing is compiled again.
  test::FakeControl control(target());
  control.on_hello = {snapshot(7)};
  ASSERT_TRUE(wait_for(*agent, control, [](const auto& m) { return m.has_acknowledge(); }));
  EXPECT_EQ(7U, control.received()[0].hello().revision());
  EXPECT_EQ(1U, plane.applied.size());
}

TEST_F(AgentTest, ARefusedSnapshotLeavesTheLiveOneInForceAndOnDisk) {
  test::FakeControl control(target());
  control.on_hello = {snapshot(1), snapshot(2, "bad")};
  FakePlane plane;
  const auto agent = make_agent(plane);
  const auto answer = wait_for(*agent, control, [](const auto& m) { return m.has_refuse(); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(2U, answer->refuse().revision());
  ASSERT_EQ(1, answer->refuse().problems_size());
  EXPECT_EQ("Zone/bad: spec.text", answer->refuse().problems(0).path());
  EXPECT_EQ(1U, agent->revision());
  const auto on_disk = StateFile(folder_.path()).load();
  ASSERT_TRUE(on_disk && on_disk->has_value());
  EXPECT_EQ(1U, (*on_disk)->revision());
}

TEST_F(AgentTest, ReportsSamplesPortsAndHealth) {
  test::FakeControl control(target());
  FakePlane plane;
  const auto agent = make_agent(plane);
  const auto message = wait_for(*agent, control, [](const auto& m) { return m.has_report(); });
  ASSERT_TRUE(message);
  ASSERT_EQ(1, message->report().samples_size());
  EXPECT_EQ("turns_total", message->report().samples(0).name());
  EXPECT_EQ("wan", message->report().ports(0).name());
  EXPECT_TRUE(message->report().healthy());
}

TEST_F(AgentTest, AStateThatCannotBeSavedIsInForceButUnhealthy) {
  test::FakeControl control(target());
  control.on_hello = {snapshot(3)};
  FakePlane plane;
  const auto agent = make_agent(plane, folder_.path() + "/missing");
  const auto message = wait_for(
      *agent, control, [](const auto& m) { return m.has_report() && m.report().revision() == 3; });
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->report().healthy());
  EXPECT_THAT(message->report().unhealthy_reason(),
              testing::HasSubstr("the snapshot is not saved: " + folder_.path() + "/missing"));

  // The folder appears, as space does on a full disk: the next try saves it.
  std::filesystem::create_directory(folder_.path() + "/missing");
  agent->turn(clock_.now() + Agent::kSaveRetryInterval);
  const auto on_disk = StateFile(folder_.path() + "/missing").load();
  ASSERT_TRUE(on_disk && on_disk->has_value());
  EXPECT_EQ(3U, (*on_disk)->revision());
}

TEST_F(AgentTest, ADamagedSnapshotOnDiskIsNotFatal) {
  std::ofstream(StateFile(folder_.path()).path()) << "torn";
  FakePlane plane;
  const auto agent = make_agent(plane);
  EXPECT_TRUE(agent->begin().empty());
  EXPECT_TRUE(plane.applied.empty());
  EXPECT_EQ(0U, agent->revision());
}

TEST_F(AgentTest, QueriesAndTracesReachThePlaneAndTheirResultsControl) {
  test::FakeControl control(target());
  v1::ToDataplane query;
  query.mutable_query()->set_id(5);
  v1::ToDataplane trace;
  trace.mutable_trace()->set_id(6);
  v1::ToDataplane stop;
  stop.mutable_stop_trace()->set_id(6);
  control.on_hello = {query, trace, stop};
  FakePlane plane;
  const auto agent = make_agent(plane);
  const auto answer = wait_for(*agent, control, [](const auto& m) { return m.has_result(); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(5U, answer->result().id());
  ASSERT_TRUE(turn_until(*agent, [&] { return !plane.stopped.empty(); }));
  EXPECT_THAT(plane.traces, testing::ElementsAre(6));
  EXPECT_THAT(plane.stopped, testing::ElementsAre(6));
}

TEST_F(AgentTest, HealthReachesThePlaneAndARestartBeginsWithIt) {
  v1::ToDataplane said;
  v1::BackendHealth& one = *said.mutable_health()->add_backends();
  one.set_service("web");
  one.set_backend("be1");
  one.set_address("198.18.1.11");
  {
    test::FakeControl control(target());
    control.on_hello = {snapshot(7), said};
    FakePlane plane;
    const auto agent = make_agent(plane);
    EXPECT_TRUE(turn_until(*agent, [&] {
      const auto saved = StateFile(folder_.path()).load_health();
      return saved && *saved && (*saved)->backends_size() == 1;
    }));
  }
  FakePlane plane;
  const auto agent = make_agent(plane);
  EXPECT_TRUE(agent->begin().empty());
  ASSERT_EQ(1, plane.known.backends_size());
  EXPECT_EQ("be1", plane.known.backends(0).backend());
}

TEST_F(AgentTest, DamagedHealthOnDiskIsNotFatal) {
  v1::Snapshot saved;
  saved.set_revision(3);
  ASSERT_TRUE(StateFile(folder_.path()).save(saved));
  std::ofstream(StateFile(folder_.path()).health_path()) << "torn";
  FakePlane plane;
  const auto agent = make_agent(plane);
  EXPECT_TRUE(agent->begin().empty());
  EXPECT_EQ(3U, agent->revision());
  EXPECT_EQ(0, plane.known.backends_size());
}

class FileSteeringTest : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = folder_.path() + "/state.yaml";
    std::ofstream(path) << text;
    return path;
  }
  sluice::test::TemporaryFolder folder_;
  FakePlane plane_;
};

constexpr const char* kGoodFile = "kind: Port\nname: wan\nspec:\n  addresses: [198.18.0.1/24]\n";
constexpr const char* kBadFile = "kind: Port\nname: wan\nspec:\n  adresses: [198.18.0.1/24]\n";

TEST_F(FileSteeringTest, AReloadAppliesTheFileAnew) {
  FileSteering steering(write(kGoodFile), plane_);
  EXPECT_TRUE(steering.begin().empty());
  steering.reload();
  EXPECT_THAT(plane_.applied, testing::ElementsAre(1, 2));
}

TEST_F(FileSteeringTest, ABadFileAtTheStartIsRefusedWithItsLine) {
  FileSteering steering(write(kBadFile), plane_);
  const auto problems = steering.begin();
  ASSERT_FALSE(problems.empty());
  EXPECT_THAT(model::text_of(problems[0]), testing::HasSubstr("state.yaml:4:"));
  EXPECT_TRUE(plane_.applied.empty());
}

TEST_F(FileSteeringTest, ABadFileAtAReloadLeavesTheLiveStateInForce) {
  FileSteering steering(write(kGoodFile), plane_);
  EXPECT_TRUE(steering.begin().empty());
  write(kBadFile);
  testing::internal::CaptureStderr();
  steering.reload();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("state.yaml:4:"));
  EXPECT_THAT(plane_.applied, testing::ElementsAre(1));
  write(kGoodFile);
  steering.reload();
  EXPECT_THAT(plane_.applied, testing::ElementsAre(1, 2));
}

TEST_F(FileSteeringTest, AMissingFileIsAProblem) {
  FileSteering steering(folder_.path() + "/none.yaml", plane_);
  EXPECT_FALSE(steering.begin().empty());
}

}  // namespace
}  // namespace sluice::agent
