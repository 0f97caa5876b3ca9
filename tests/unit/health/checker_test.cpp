#include "control/health/checker.hpp"

#include <gtest/gtest.h>

#include "control/model/yaml.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"
#include "tests/unit/health/servers.hpp"

namespace sluice::health {
namespace {

v1::DesiredState state_of(std::uint16_t port, const std::string& more = "") {
  // Loopback is no network of a data plane, but it is one that every machine has.
  const auto loaded = model::load_state({{"state.yaml", "",
                                          R"(kind: Service
name: web
spec:
  addresses: [198.18.100.80]
  port: 80
  backends: [{name: be1, addresses: [127.0.0.1], port: )" +
                                              std::to_string(port) +
                                              R"(}]
  health_check: {tcp: {}, interval: 20ms, fast_interval: 20ms, timeout: 20ms}
)" + more}});
  v1::DesiredState state = loaded.state;
  v1::Document& lo = *state.add_documents();
  lo.set_name("lo");
  lo.mutable_port()->add_addresses("127.0.0.1/8");
  return state;
}

class CheckerTest : public testing::Test {
 protected:
  CheckerTest() {
    CheckerOptions options;
    options.way_is_lossy = [this] { return lossy_.load(); };
    options.unix_time = [] { return std::uint64_t{1'000}; };
    options.decided = [this](const Decisions& decisions) {
      const std::lock_guard lock(mutex_);
      for (const auto& one : decisions.changed.backends()) {
        said_ += (one.healthy() ? '+' : '-') + one.backend() + ' ';
      }
      for (const auto& one : decisions.forgotten.backends()) said_ += '!' + one.backend() + ' ';
    };
    checker_ = *Checker::start(std::move(options), clock_);
  }
  std::string said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  bool comes_to_say(const std::string& wanted) {
    const Nanoseconds end = clock_.now() + 10 * kSecond;
    while (said() != wanted) {
      if (clock_.now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  MonotonicClock clock_;
  std::mutex mutex_;
  std::string said_;
  std::atomic<bool> lossy_{false};
  std::unique_ptr<Checker> checker_;
};

TEST_F(CheckerTest, TellsWhoLivesAndWhoNoLongerDoes) {
  {
    const Server server(SOCK_STREAM, [](const std::string&) { return std::string(); });
    checker_->configure(state_of(server.port()));
    ASSERT_TRUE(comes_to_say("+be1 ")) << said();
    checker_->configure(state_of(closed_port()));
    ASSERT_TRUE(comes_to_say("+be1 -be1 ")) << said();
    const Status status = checker_->status("web").at(0);
    EXPECT_EQ("connection refused", status.reason);
    EXPECT_EQ(1'000U, status.since_unix);
    EXPECT_TRUE(checker_->status("other").empty());
    checker_->configure(state_of(server.port()));
    ASSERT_TRUE(comes_to_say("+be1 -be1 +be1 ")) << said();
  }
  checker_->configure({});
  ASSERT_TRUE(comes_to_say("+be1 -be1 +be1 !be1 ")) << said();
  EXPECT_TRUE(checker_->status().empty());
}

TEST_F(CheckerTest, SilenceOnALossyWaySaysNothing) {
  const Server silent(SOCK_DGRAM, [](const std::string&) { return std::string(); });
  v1::DesiredState state = state_of(silent.port());
  state.mutable_documents(0)->mutable_service()->mutable_health_check()->mutable_udp()->set_text(
      "x");
  lossy_ = true;
  checker_->configure(state);
  const Nanoseconds end = clock_.now() + 10 * kSecond;
  while (silent.served() < 8 && clock_.now() < end) std::this_thread::yield();
  EXPECT_EQ("", said());
  lossy_ = false;
  EXPECT_TRUE(comes_to_say("-be1 "));
}

TEST_F(CheckerTest, ThousandsAreCheckedByOneThread) {
  constexpr int kMany = 2'000;
  v1::DesiredState state = state_of(closed_port());
  v1::Service& web = *state.mutable_documents(0)->mutable_service();
  const std::uint32_t port = web.backends(0).port();
  web.clear_backends();
  web.mutable_health_check()->set_interval("500ms");
  web.mutable_health_check()->set_timeout("500ms");
  for (int i = 0; i < kMany; ++i) {
    v1::Backend& backend = *web.add_backends();
    backend.set_name("be" + std::to_string(i));
    backend.set_port(port);
    backend.add_addresses("127.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1));
  }
  checker_->configure(state);
  const Nanoseconds end = clock_.now() + 60 * kSecond;
  const auto unhealthy = [&] {
    const auto all = checker_->status();
    return std::count_if(all.begin(), all.end(),
                         [](const Status& s) { return s.health == Health::unhealthy; });
  };
  while (unhealthy() < kMany && clock_.now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(kMany, unhealthy());
}

TEST_F(CheckerTest, EndsWithChecksUnderWay) {
  const Server silent(SOCK_DGRAM, [](const std::string&) { return std::string(); });
  v1::DesiredState state = state_of(silent.port());
  state.mutable_documents(0)->mutable_service()->mutable_health_check()->mutable_udp()->set_text(
      "x");
  checker_->configure(state);
  const Nanoseconds end = clock_.now() + 5 * kSecond;
  while (checker_->totals().under_way == 0 && clock_.now() < end) std::this_thread::yield();
  checker_ = nullptr;
}

}  // namespace
}  // namespace sluice::health
