// What a process does once: cores, randomness, the lock of its folder, privileges.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/runtime/core.hpp"
#include "dataplane/runtime/instance_lock.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"
#include "dataplane/runtime/privileges.hpp"
#include "dataplane/runtime/random.hpp"
#include "tests/support/temporary_folder.hpp"

namespace sluice {
namespace {

TEST(Core, AThreadRunsNamedAndPinnedWithSignalsBlocked) {
  const std::vector<unsigned> cores = allowed_cores();
  ASSERT_FALSE(cores.empty());
  const unsigned core = cores.back();
  std::string name(16, '\0');
  int ran_on = -1;
  bool blocked = false;
  auto thread = start_thread("worker0", core, [&] {
    pthread_getname_np(pthread_self(), name.data(), name.size());
    ran_on = sched_getcpu();
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, nullptr, &set);
    blocked = sigismember(&set, SIGTERM) == 1;
  });
  ASSERT_TRUE(thread) << thread.error().text();
  thread->join();
  EXPECT_STREQ("worker0", name.c_str());
  EXPECT_EQ(static_cast<int>(core), ran_on);
  EXPECT_TRUE(blocked);
}

TEST(Core, AMissingCoreIsNamedWithThoseThereAre) {
  const auto checked = check_core(7, {0, 1});
  ASSERT_FALSE(checked);
  EXPECT_EQ("core 7: there is no such core, or this process may not use it; use one of 0, 1",
            checked.error().text());
  EXPECT_TRUE(check_core(1, {0, 1}));

  bool ran = false;
  const auto thread = start_thread("nowhere", 1023, [&ran] { ran = true; });
  EXPECT_FALSE(thread);
  EXPECT_FALSE(ran);
}

TEST(Random, FillsEveryByte) {
  std::array<std::uint8_t, 64> never_zero{};
  for (int round = 0; round < 64; ++round) {
    std::array<std::uint8_t, 64> bytes{};
    ASSERT_TRUE(fill_random(bytes));
    for (std::size_t i = 0; i < bytes.size(); ++i) never_zero[i] |= bytes[i];
  }
  for (const std::uint8_t byte : never_zero) EXPECT_NE(0, byte);
}

TEST(MonotonicClock, DoesNotGoBack) {
  MonotonicClock clock;
  Nanoseconds last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const Nanoseconds now = clock.now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(InstanceLock, ASecondInstanceGetsOneClearLine) {
  const test::TemporaryFolder folder;
  const std::string state = folder.path() + "/state/deeper";
  {
    const auto first = InstanceLock::acquire(state);
    ASSERT_TRUE(first) << first.error().text();
    const auto second = InstanceLock::acquire(state);
    ASSERT_FALSE(second);
    EXPECT_EQ(state + ": another instance (process " + std::to_string(getpid()) +
                  ") already runs with this state folder; end it first, or name another "
                  "state_folder",
              second.error().text());
  }
  EXPECT_TRUE(InstanceLock::acquire(state)) << "the lock ends with its holder";
}

TEST(InstanceLock, AHolderThatWasKilledIsWaitedFor) {
  const test::TemporaryFolder folder;
  std::array<int, 2> ready{};
  ASSERT_EQ(0, pipe(ready.data()));
  const pid_t child = fork();
  if (child == 0) {
    const auto held = InstanceLock::acquire(folder.path());
    const char good = held ? 1 : 0;
    if (write(ready[1], &good, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char good = 0;
  ASSERT_EQ(1, read(ready[0], &good, 1));
  EXPECT_EQ(1, good);
  EXPECT_FALSE(InstanceLock::acquire(folder.path()));
  kill(child, SIGKILL);
  const auto next = InstanceLock::acquire(folder.path());  // at once
  EXPECT_TRUE(next) << next.error().text();
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST(InstanceLock, AFolderThatCannotBeIsRefused) {
  const auto lock = InstanceLock::acquire("/proc/no-such-folder/state");
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().text(), testing::HasSubstr("/proc/no-such-folder/state"));
}

TEST(Identity, IsLookedUpByName) {
  const auto root = find_identity("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(0U, root->user);
  const auto daemon = find_identity("root:daemon");
  ASSERT_TRUE(daemon);
  EXPECT_NE(0U, daemon->group);
  EXPECT_THAT(find_identity("no-such-user-here").error().text(),
              testing::HasSubstr("there is no user 'no-such-user-here'"));
  EXPECT_FALSE(find_identity("root:no-such-group-here"));
}

/// Runs in a child process, which gives up root; returns a bit for each promise that was broken.
int drop_and_check() {
  const auto nobody = find_identity("nobody");
  if (!nobody || !drop_privileges(*nobody, {"cap_net_admin"})) return 1;
  int broken = 0;
  if (getuid() != nobody->user || geteuid() != nobody->user || getgid() != nobody->group)
    broken |= 2;
  if (setuid(0) == 0) broken |= 4;
  if (access("/etc/shadow", R_OK) == 0) broken |= 8;
  if (prctl(PR_CAPBSET_READ, 12) != 1) return broken;  // no cap_net_admin in this container
  std::FILE* status = std::fopen("/proc/self/status", "r");
  std::array<char, 256> line{};
  while (status != nullptr && std::fgets(line.data(), line.size(), status) != nullptr) {
    unsigned long long effective = 0;
    if (std::sscanf(line.data(), "CapEff: %llx", &effective) == 1 && effective != 1ULL << 12) {
      broken |= 16;
    }
  }
  if (status != nullptr) std::fclose(status);
  return broken;
}

TEST(Privileges, OnlyTheNamedCapabilityIsLeft) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const pid_t child = fork();
  if (child == 0) _exit(drop_and_check());
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(0, WEXITSTATUS(status));
}

}  // namespace
}  // namespace sluice
