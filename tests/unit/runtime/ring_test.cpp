#include "dataplane/runtime/ring.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Message {
  std::uint32_t producer = 0;
  std::uint32_t number = 0;
  std::uint64_t check = 0;
};

TEST(Ring, KeepsOrderAndCountsWhatItRefuses) {
  SpscRing<std::uint64_t> ring(3);
  ASSERT_EQ(3U, ring.capacity());
  const std::array<std::uint64_t, 5> in = {1, 2, 3, 4, 5};
  EXPECT_EQ(3U, ring.put(in));
  EXPECT_EQ(2U, ring.refused());
  EXPECT_FALSE(ring.put(6));
  EXPECT_EQ(3U, ring.refused());

  std::array<std::uint64_t, 8> out{};
  EXPECT_EQ(3U, ring.take(out));
  EXPECT_EQ(1U, out[0]);
  EXPECT_EQ(3U, out[2]);
  EXPECT_EQ(0U, ring.take(out));
}

TEST(Ring, CapacityIsAtLeastWhatWasAskedFor) {
  for (const std::uint32_t wanted : {1U, 2U, 4U, 1000U, 1023U, 1024U}) {
    EXPECT_GE(SpscRing<std::uint32_t>(wanted).capacity(), wanted);
  }
}

TEST(Ring, CarriesWholeElementsBetweenTwoThreads) {
  constexpr std::uint32_t kMessages = 50'000;
  SpscRing<Message> ring(64);
  std::thread producer([&ring] {
    for (std::uint32_t n = 0; n < kMessages;) {
      if (ring.put(Message{7, n, ~std::uint64_t{n}})) {
        ++n;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::array<Message, 16> out;
  for (std::uint32_t expected = 0; expected < kMessages;) {
    const unsigned n = ring.take(out);
    if (n == 0) std::this_thread::yield();
    for (unsigned i = 0; i < n; ++i, ++expected) {
      ASSERT_EQ(expected, out[i].number);
      ASSERT_EQ(~std::uint64_t{expected}, out[i].check);
    }
  }
  producer.join();
}

TEST(Mailbox, EachProducerKeepsItsOrder) {
  constexpr std::uint32_t kProducers = 3;
  constexpr std::uint32_t kMessages = 10'000;
  Mailbox<Message> mailbox(kProducers, 128);
  std::vector<std::thread> producers;
  for (std::uint32_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&ring = mailbox.from(p), p] {
      for (std::uint32_t n = 0; n < kMessages;) {
        if (ring.put(Message{p, n, 0})) {
          ++n;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  std::array<std::uint32_t, kProducers> next{};
  std::array<Message, 32> out;
  for (std::uint32_t received = 0; received < kProducers * kMessages;) {
    const unsigned n = mailbox.take(out);
    if (n == 0) std::this_thread::yield();
    for (unsigned i = 0; i < n; ++i) ASSERT_EQ(next[out[i].producer]++, out[i].number);
    received += n;
  }
  for (std::thread& t : producers) t.join();
}

TEST(Mailbox, AProducerThatFillsItsRingLeavesTheOthersTheirs) {
  Mailbox<std::uint32_t> mailbox(2, 3);
  for (std::uint32_t i = 0; i < 10; ++i) (void)mailbox.from(0).put(i);
  EXPECT_TRUE(mailbox.from(1).put(100));
  EXPECT_EQ(7U, mailbox.from(0).refused());
  EXPECT_EQ(0U, mailbox.from(1).refused());

  std::array<std::uint32_t, 2> out{};
  std::vector<std::uint32_t> seen;
  while (const unsigned n = mailbox.take(out))
    seen.insert(seen.end(), out.begin(), out.begin() + n);
  EXPECT_THAT(seen, testing::UnorderedElementsAre(0U, 1U, 2U, 100U));
}

}  // namespace
}  // namespace sluice
