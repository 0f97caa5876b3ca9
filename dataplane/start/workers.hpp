/// The workers of this node: their queues, the rings between them, their threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/agent/samples.hpp"
#include "dataplane/nic/port.hpp"
#include "dataplane/packet/worker.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"
#include "dataplane/runtime/poll_loop.hpp"

namespace sluice::start {

struct WorkersOptions {
  std::vector<unsigned> cores;  ///< one worker for each
  IdleLimits idle;
  std::uint32_t counters_max = 65'536;
  std::uint64_t punts_per_second = 20'000;
  PipelineOptions pipeline;  ///< seed and sizes; the rest is each worker's own
};

/// What each worker has of each port: its own queue where there are enough, or the worker that
/// sends for it; and whether flows must be spread in software because some port cannot. Result:
/// [worker][port].
[[nodiscard]] std::vector<std::vector<WorkerPort>> deal_queues(nic::Ports& ports,
                                                               std::uint16_t workers);

/// Made and used by the control thread.
class Workers {
 public:
  /// Takes all memory that the workers will need.
  Workers(const WorkersOptions& options, nic::Ports& ports, Publisher<Snapshot>& publisher);
  ~Workers();  ///< stop()

  /// Starts a thread for each; all run when it returns without an error.
  [[nodiscard]] Result<void> start();
  /// Lets each worker finish what has arrived, for a moment at most, and ends the threads.
  void stop();

  [[nodiscard]] std::uint16_t count() const { return static_cast<std::uint16_t>(lanes_.size()); }
  void sample(agent::Samples& samples) const;
  /// Adds the named counters of each worker.
  void append_blocks(std::vector<const CounterBlock*>& blocks) const;
  /// Which worker has not turned since the last call, as a sentence; empty if all have.
  [[nodiscard]] std::string stuck();
  [[nodiscard]] TraceChannel& trace(std::uint16_t worker) { return lanes_[worker]->trace; }
  [[nodiscard]] QuestionChannel& questions(std::uint16_t worker) {
    return lanes_[worker]->questions;
  }
  /// Flows are spread in software: each belongs to the worker that its hash names.
  [[nodiscard]] bool spread() const { return spread_; }

 private:
  /// One worker with everything that is its own.
  struct Lane {
    Lane(const WorkersOptions& options, std::uint16_t index, std::vector<WorkerPort> ports,
         std::vector<Inbox*> inboxes, Publisher<Snapshot>& publisher, PacketPool& pool);

    CounterBlock slots;
    TraceChannel trace;
    QuestionChannel questions;
    Publisher<Snapshot>::Reader reader;
    Worker worker;
    LoopCounters loop;
    std::uint64_t turns_seen = 0;  ///< the control thread's, for stuck()
    std::thread thread;
  };

  void run(Lane& lane);
  void sample_loop(agent::Samples& samples, std::uint16_t index) const;
  void sample_bursts(agent::Samples& samples, const std::string& index, const Worker& worker) const;

  std::vector<unsigned> cores_;
  IdleLimits idle_;
  bool spread_ = false;
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Inbox>> inboxes_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace sluice::start
