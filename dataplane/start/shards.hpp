/// The io_uring shards of this node: their threads and counters.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/agent/samples.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"
#include "dataplane/shard/shard.hpp"

namespace sluice::start {

/// Made and used by the control thread.
class Shards {
 public:
  /// One shard for each core; they read snapshots as readers `first_reader` and following.
  Shards(const std::vector<unsigned>& cores, std::uint32_t first_reader, std::uint32_t counters_max,
         Publisher<Snapshot>& publisher);
  ~Shards();  ///< stop()

  [[nodiscard]] Result<void> start();
  /// Lets connections finish for a moment, and ends the threads.
  void stop();

  void sample(agent::Samples& samples) const;
  /// Adds the named counters of each shard.
  void append_blocks(std::vector<const CounterBlock*>& blocks) const;
  /// What does not work, as a sentence; empty if all does.
  [[nodiscard]] std::string trouble() const;

 private:
  struct Lane {
    Lane(unsigned core_number, std::uint32_t reader, std::uint32_t counters_max, Clock& clock,
         Publisher<Snapshot>& publisher);
    unsigned core;
    CounterBlock slots;
    shard::Shard shard;
    std::thread thread;
  };

  void fail_with(const Error& error);

  MonotonicClock clock_;
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Lane>> lanes_;
  mutable std::mutex failure_mutex_;  // taken when a shard ends before its time
  std::string failure_;
};

}  // namespace sluice::start
