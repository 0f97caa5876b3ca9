#include "dataplane/agent/steering_client.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "dataplane/runtime/monotonic_clock.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/unit/agent/fake_control.hpp"

namespace sluice::agent {
namespace {

v1::ToDataplane snapshot_message(std::uint64_t revision) {
  v1::ToDataplane message;
  message.mutable_snapshot()->set_revision(revision);
  return message;
}

v1::FromDataplane acknowledge_message(std::uint64_t revision) {
  v1::FromDataplane message;
  message.mutable_acknowledge()->set_revision(revision);
  return message;
}

class SteeringClientTest : public testing::Test {
 protected:
  SteeringOptions options() {
    SteeringOptions options;
    options.target = "unix:" + folder_.path() + "/control.sock";
    options.retry_min = kMillisecond;
    options.retry_max = 20 * kMillisecond;
    options.wake = [] {};
    return options;
  }
  static v1::Hello hello() {
    v1::Hello hello;
    hello.set_node("edge-1");
    return hello;
  }
  /// Turns the client until `done`, at most ten seconds.
  template <class Done>
  bool turn_until(SteeringClient& client, Done&& done) {
    const Nanoseconds end = clock_.now() + 10 * kSecond;
    while (!done()) {
      if (clock_.now() > end) return false;
      client.turn(clock_.now());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  sluice::test::TemporaryFolder folder_;
  MonotonicClock clock_;
};

TEST_F(SteeringClientTest, SaysHelloTakesSnapshotsAndAnswers) {
  test::FakeControl control(options().target);
  control.on_hello = {snapshot_message(3), snapshot_message(4)};
  SteeringClient client(options(), hello);
  std::vector<std::uint64_t> revisions;
  ASSERT_TRUE(turn_until(client, [&] {
    while (const auto message = client.take()) revisions.push_back(message->snapshot().revision());
    return revisions.size() == 2;
  }));
  EXPECT_THAT(revisions, testing::ElementsAre(3, 4));
  EXPECT_TRUE(client.connected());
  ASSERT_TRUE(client.send(acknowledge_message(4)));
  ASSERT_TRUE(turn_until(client, [&] { return control.received().size() == 2; }));
  EXPECT_EQ("edge-1", control.received()[0].hello().node());
  EXPECT_EQ(4U, control.received()[1].acknowledge().revision());
}

TEST_F(SteeringClientTest, ComesBackWhenTheControlDaemonDoes) {
  SteeringClient client(options(), hello);
  client.turn(clock_.now());
  for (int life = 0; life < 3; ++life) {
    EXPECT_TRUE(turn_until(client, [&] { return !client.connected(); }));
    test::FakeControl control(options().target);
    control.on_hello = {snapshot_message(1)};
    ASSERT_TRUE(turn_until(client, [&] { return client.take().has_value(); })) << "life " << life;
  }
}

TEST_F(SteeringClientTest, WithoutAControlDaemonSendingIsRefused) {
  SteeringClient client(options(), hello);
  EXPECT_FALSE(client.send(acknowledge_message(1)));
  EXPECT_FALSE(client.take().has_value());
  EXPECT_FALSE(client.connected());
}

TEST_F(SteeringClientTest, ASnapshotFloodWaitsOutsideUntilItIsTaken) {
  test::FakeControl control(options().target);
  constexpr std::uint64_t kMessages = 500;
  for (std::uint64_t n = 1; n <= kMessages; ++n) control.on_hello.push_back(snapshot_message(n));
  SteeringOptions few = options();
  few.inbox_max = 2;
  SteeringClient client(few, hello);
  std::uint64_t last = 0;
  ASSERT_TRUE(turn_until(client, [&] {
    while (const auto message = client.take()) {
      EXPECT_EQ(last + 1, message->snapshot().revision());
      last = message->snapshot().revision();
    }
    return last == kMessages;
  }));
}

TEST_F(SteeringClientTest, AMissingCertificateIsRetriedNotFatal) {
  SteeringOptions secured = options();
  secured.tls = TlsFiles{"/no/cert.pem", "/no/key.pem", "/no/ca.pem"};
  SteeringClient client(secured, hello);
  testing::internal::CaptureStderr();
  for (Nanoseconds now = 0; now < kSecond; now += kMillisecond) client.turn(now);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(
      log, testing::AllOf(testing::HasSubstr("cannot read"), testing::HasSubstr("/no/cert.pem")));
  EXPECT_EQ(1, std::count(log.begin(), log.end(), '\n')) << "said once, not at every attempt";
}

}  // namespace
}  // namespace sluice::agent
