#include "dataplane/start/events.hpp"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace sluice::start {
namespace {

TEST(Events, SignalsWakeUpsAndTimeEndAWait) {
  const auto events = Events::open();
  ASSERT_TRUE(events) << events.error().text();

  EXPECT_FALSE(events->wait(0).end) << "nothing has happened yet";

  kill(getpid(), SIGHUP);
  const auto reload = events->wait(10 * kSecond);
  EXPECT_TRUE(reload.reload);
  EXPECT_FALSE(reload.end);

  kill(getpid(), SIGTERM);
  EXPECT_TRUE(events->wait(10 * kSecond).end);
  kill(getpid(), SIGINT);
  EXPECT_TRUE(events->wait(10 * kSecond).end);

  std::thread other([&events] { events->wake(); });
  const auto woken = events->wait(60 * kSecond);
  other.join();
  EXPECT_FALSE(woken.end || woken.reload);
}

}  // namespace
}  // namespace sluice::start
