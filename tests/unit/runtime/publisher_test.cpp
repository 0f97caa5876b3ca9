#include "dataplane/runtime/publisher.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace sluice {
namespace {

/// Two numbers that always agree while it lives; poisoned when freed.
struct Pair {
  explicit Pair(std::uint64_t n) : first(n), second(n) {}
  ~Pair() {
    second = ~first;
    ++freed;
  }
  std::uint64_t first;
  std::uint64_t second;
  static std::atomic<unsigned> freed;
};
std::atomic<unsigned> Pair::freed{0};

TEST(Publisher, ADelayedReaderKeepsWhatItHasRead) {
  Pair::freed = 0;
  Publisher<Pair> publisher(2);
  publisher.publish(std::make_shared<Pair>(1));
  Publisher<Pair>::Reader delayed(publisher, 0);
  const Pair* held = delayed.read();

  publisher.publish(std::make_shared<Pair>(2));
  publisher.publish(std::make_shared<Pair>(3));
  EXPECT_EQ(1U, held->second);
  EXPECT_EQ(3U, delayed.read()->second);
  EXPECT_EQ(0U, Pair::freed);
  EXPECT_EQ(2U, publisher.retired());

  delayed.quiescent();
  publisher.collect();
  EXPECT_EQ(2U, Pair::freed);
  EXPECT_EQ(3U, delayed.read()->second);
}

TEST(Publisher, ASleepingReaderHoldsNothingUp) {
  Pair::freed = 0;
  Publisher<Pair> publisher(1);
  publisher.publish(std::make_shared<Pair>(1));
  Publisher<Pair>::Reader reader(publisher, 0);
  reader.offline();
  publisher.publish(std::make_shared<Pair>(2));
  EXPECT_EQ(1U, Pair::freed);
  reader.online();
  EXPECT_EQ(2U, reader.read()->first);
  publisher.publish(std::make_shared<Pair>(3));
  EXPECT_EQ(1U, Pair::freed) << "freed under a reader that is awake again";
}

TEST(Publisher, WithoutReadersOldValuesGoAtOnce) {
  Pair::freed = 0;
  Publisher<Pair> publisher(4);
  EXPECT_EQ(nullptr, publisher.live());
  publisher.publish(std::make_shared<Pair>(1));
  publisher.publish(std::make_shared<Pair>(2));
  EXPECT_EQ(1U, Pair::freed);
  EXPECT_EQ(2U, publisher.live()->first);
}

TEST(Publisher, ReadersNeverSeeAFreedOrHalfValue) {
  constexpr std::uint64_t kRevisions = 2'000;
  Publisher<Pair> publisher(2);
  publisher.publish(std::make_shared<Pair>(0));
  std::atomic<bool> wrong{false};
  const auto read = [&publisher, &wrong](std::uint32_t index) {
    Publisher<Pair>::Reader reader(publisher, index);
    std::uint64_t last = 0;
    for (unsigned turn = 0; last < kRevisions; ++turn) {
      const Pair* pair = reader.read();
      const std::uint64_t first = pair->first;
      if (index == 0) std::this_thread::yield();  // the slow one holds it across a switch
      if (first < last || pair->second != first) wrong = true;
      last = first;
      reader.quiescent();
      if (turn % 64 == 0) {
        reader.offline();
        std::this_thread::yield();
        reader.online();
      }
    }
  };
  std::thread slow(read, 0);
  std::thread fast(read, 1);
  for (std::uint64_t n = 1; n <= kRevisions; ++n) {
    publisher.publish(std::make_shared<Pair>(n));
    if (n % 16 == 0) std::this_thread::yield();
  }
  slow.join();
  fast.join();
  publisher.collect();
  EXPECT_FALSE(wrong);
  EXPECT_EQ(0U, publisher.retired());
}

}  // namespace
}  // namespace sluice
