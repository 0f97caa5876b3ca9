// Workers on threads of their own, packets crossing between them, snapshots swapped meanwhile.
#include <atomic>
#include <thread>

#include "tests/unit/pipeline/crew.hpp"

namespace sluice::test {
namespace {

TEST(Threads, WorkersHandOverWhileSnapshotsAreSwapped) {
  constexpr std::uint16_t kWorkers = 3;
  constexpr unsigned kFrames = 3'000;
  CrewOptions options;
  options.workers = kWorkers;
  Crew crew(lab(), options);
  for (unsigned i = 0; i < kFrames; ++i) {
    const auto port = static_cast<std::uint16_t>(1024 + i);
    const char* to = i % 3 == 0 ? "198.18.100.80" : i % 3 == 1 ? "198.18.1.11" : "198.18.1.99";
    crew.push(kWan, from_client(to).tcp(port, 80, tcp_flag::kSyn).build(),
              static_cast<std::uint16_t>(i % kWorkers));
  }
  std::atomic<unsigned> idle = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (std::uint16_t i = 0; i < kWorkers; ++i) {
    threads.emplace_back([&, i] {
      bool was_idle = false;
      while (!stop) {
        const bool busy = crew.turn(i);
        if (!busy && !was_idle) ++idle;
        was_idle = was_idle || !busy;
      }
    });
  }
  unsigned swaps = 0;
  while (idle < kWorkers || swaps < 20) {
    crew.publish(swaps % 2 == 0 ? lab_with("tcp dport 80 accept") : lab());
    ++swaps;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  crew.turn_all();
  EXPECT_EQ(kFrames, crew.total(&Books::received));
  EXPECT_GT(crew.total(&Books::handed), kFrames / 3);
  EXPECT_GE(crew.total(&Books::sent), kFrames / 2);
  crew.expect_balanced();
}

}  // namespace
}  // namespace sluice::test
