/// A shard's thread: its ring, its reactor, and the servers that the live snapshot asks for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "dataplane/io/reactor.hpp"
#include "dataplane/io/uring.hpp"
#include "dataplane/packet/snapshot.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/publisher.hpp"
#include "dataplane/shard/stream_servers.hpp"

namespace sluice::shard {

struct ShardOptions {
  std::uint32_t reader = 0;          ///< its index at the publisher
  CounterBlock* counters = nullptr;  ///< named counters of this thread
  unsigned ring_entries = 256;
};

/// Made by the main thread, run by its own; counters may be read by any.
class Shard {
 public:
  Shard(Publisher<Snapshot>& snapshots, Clock& clock, const ShardOptions& options);
  ~Shard();

  /// The thread's body: serves until `stop`, then lets connections finish for a moment and ends.
  /// Error: the kernel gives no io_uring.
  [[nodiscard]] Result<void> run(const std::atomic<bool>& stop);

  /// What the listeners count; null until the thread has begun.
  [[nodiscard]] const StreamCounters* counters() const {
    return published_.load(std::memory_order_acquire);
  }
  /// Why some address is not listened on, or empty.
  [[nodiscard]] std::string trouble() const;

 private:
  struct Loop;

  void follow_snapshot(Loop& loop);
  void drain(Loop& loop);

  Publisher<Snapshot>& snapshots_;
  Clock& clock_;
  ShardOptions options_;
  std::atomic<const StreamCounters*> published_{nullptr};
  mutable std::mutex trouble_mutex_;  // taken when the list of listeners changes, never a request
  std::string trouble_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace sluice::shard
