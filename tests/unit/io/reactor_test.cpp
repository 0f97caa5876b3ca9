#include "dataplane/io/reactor.hpp"

#include <cerrno>
#include <memory>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "dataplane/io/disk.hpp"
#include "dataplane/io/uring.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace sluice::io {
namespace {

/// A reactor over the kernel, turned until its tasks have ended.
class ReactorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto ring = Uring::open(64);
    if (!ring) GTEST_SKIP() << ring.error().text();
    ring_ = std::move(*ring);
    reactor_ = std::make_unique<Reactor>(*ring_, clock_.now());
  }

  void run() {
    const Nanoseconds limit = clock_.now() + 20 * kSecond;
    while (reactor_->tasks() != 0) {
      ASSERT_LT(clock_.now(), limit) << "tasks do not end";
      reactor_->turn(clock_.now());
      if (reactor_->tasks() != 0) reactor_->wait(kMillisecond);
    }
  }

  MonotonicClock clock_;
  std::unique_ptr<Uring> ring_;
  std::unique_ptr<Reactor> reactor_;
};

Task<int> three() {
  co_return 3;
}
Task<int> sum_to(int n) {
  if (n == 0) co_return 0;
  const int rest = co_await sum_to(n - 1);
  co_return n + rest;
}

TEST_F(ReactorTest, TasksAwaitTasks) {
  int result = 0;
  reactor_->spawn([](int& out) -> Task<void> {
    out = co_await three();
    out += co_await sum_to(100);
  }(result));
  run();
  EXPECT_EQ(3 + 5050, result);
}

TEST_F(ReactorTest, SleepsInOrder) {
  std::string order;
  const auto sleeper = [](Reactor& reactor, std::string& out, char name,
                          Nanoseconds time) -> Task<void> {
    co_await reactor.sleep_for(time);
    out += name;
  };
  reactor_->spawn(sleeper(*reactor_, order, 'b', 20 * kMillisecond));
  reactor_->spawn(sleeper(*reactor_, order, 'a', 2 * kMillisecond));
  run();
  EXPECT_EQ("ab", order);
}

TEST_F(ReactorTest, AReceiveEndsAtItsTimeOut) {
  int pair[2];
  ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  int result = 0;
  reactor_->spawn([](Reactor& reactor, int descriptor, int& out) -> Task<void> {
    std::array<std::uint8_t, 8> bytes;
    out = co_await reactor.receive(descriptor, bytes, 5 * kMillisecond);
  }(*reactor_, pair[0], result));
  run();
  EXPECT_EQ(-ETIMEDOUT, result);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST_F(ReactorTest, StopEndsEverythingUnderWay) {
  int pair[2];
  ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  int received = 0;
  bool slept = true;
  reactor_->spawn([](Reactor& reactor, int descriptor, int& out) -> Task<void> {
    std::array<std::uint8_t, 8> bytes;
    out = co_await reactor.receive(descriptor, bytes);
    const int again = co_await reactor.receive(descriptor, bytes);
    if (again != -ECANCELED) out = 0;
  }(*reactor_, pair[0], received));
  reactor_->spawn([](Reactor& reactor, bool& out) -> Task<void> {
    out = co_await reactor.sleep_for(3600 * kSecond);
  }(*reactor_, slept));
  reactor_->turn(clock_.now());
  reactor_->stop();
  run();
  EXPECT_EQ(-ECANCELED, received);
  EXPECT_FALSE(slept);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST_F(ReactorTest, MoreOperationsThanTheRingHasEntries) {
  int pipes[2];
  ASSERT_EQ(0, pipe(pipes));
  int woken = 0;
  for (int i = 0; i < 500; ++i) {
    reactor_->spawn([](Reactor& reactor, int descriptor, int& out) -> Task<void> {
      const int events = co_await reactor.poll(descriptor, POLLIN);
      out += events > 0;
    }(*reactor_, pipes[0], woken));
  }
  reactor_->turn(clock_.now());
  EXPECT_EQ(0, woken);
  ASSERT_EQ(1, ::write(pipes[1], "x", 1));
  run();
  EXPECT_EQ(500, woken);
  ::close(pipes[0]);
  ::close(pipes[1]);
}

TEST_F(ReactorTest, ADiskKeepsWhatItIsGiven) {
  const std::string path =
      std::string(getenv("TMPDIR") != nullptr ? getenv("TMPDIR") : "/var/tmp") +
      "/sluice-disk-test-" + std::to_string(getpid());
  auto disk = Disk::open(*reactor_, path, 16 * Disk::kBlock);
  if (!disk && disk.error().what.find("Invalid argument") != std::string::npos) {
    GTEST_SKIP() << disk.error().text();
  }
  ASSERT_TRUE(disk) << disk.error().text();
  bool good = false;
  reactor_->spawn([](Disk& on, bool& out) -> Task<void> {
    struct alignas(4096) Buffer {
      std::array<std::uint8_t, 2 * Disk::kBlock> bytes;
    };
    auto written = std::make_unique<Buffer>();
    auto read = std::make_unique<Buffer>();
    for (std::size_t i = 0; i < written->bytes.size(); ++i)
      written->bytes[i] = static_cast<std::uint8_t>(i * 7);
    const auto first = co_await on.write(4 * Disk::kBlock, written->bytes);
    const auto second = co_await on.write(8 * Disk::kBlock, written->bytes, true);
    const auto flushed = co_await on.flush();
    const auto got = co_await on.read(4 * Disk::kBlock, read->bytes);
    out = first && second && flushed && got && read->bytes == written->bytes;
  }(*disk, good));
  run();
  EXPECT_TRUE(good);
  unlink(path.c_str());
}

TEST(Disk, AFullFileSystemIsFoundAtStart) {
  auto ring = Uring::open(8);
  if (!ring) GTEST_SKIP() << ring.error().text();
  Reactor reactor(**ring, 0);
  const auto disk =
      Disk::open(reactor, "/var/tmp/sluice-disk-too-large-" + std::to_string(getpid()),
                 std::uint64_t{1} << 60);
  unlink(("/var/tmp/sluice-disk-too-large-" + std::to_string(getpid())).c_str());
  ASSERT_FALSE(disk);
  EXPECT_NE("", disk.error().fix);
}

TEST(Disk, AMissingFolderIsNamed) {
  auto ring = Uring::open(8);
  if (!ring) GTEST_SKIP() << ring.error().text();
  Reactor reactor(**ring, 0);
  const auto disk = Disk::open(reactor, "/nonexistent/disk", 4096);
  ASSERT_FALSE(disk);
  EXPECT_EQ("/nonexistent/disk", disk.error().where);
}

}  // namespace
}  // namespace sluice::io
