/// A worker: polls its queues, runs the pipeline, sends. `turn` is all of it, so that a thread, a
/// test and a simulator drive it alike.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/packet/inbox.hpp"
#include "dataplane/packet/pipeline.hpp"
#include "dataplane/packet/port_queue.hpp"
#include "dataplane/packet/question.hpp"
#include "dataplane/packet/transmitter.hpp"
#include "dataplane/runtime/publisher.hpp"

namespace sluice {

/// A port as one worker sees it.
struct WorkerPort {
  PortQueue* queue = nullptr;  ///< null: the worker has no queue of this port
  std::uint16_t through = 0;   ///< without a queue: the worker that sends for it
  /// Packets from here may belong to other workers. Set on every port as soon as one port cannot
  /// keep both directions of a flow on one queue by itself.
  bool spread = false;
};

struct WorkerOptions {
  PipelineOptions pipeline;       ///< its worker, workers and seed are the worker's
  std::vector<WorkerPort> ports;  ///< by PortId
  std::vector<Inbox*> inboxes;    ///< by worker, this one's included; empty with a single worker
  QuestionChannel* questions = nullptr;     ///< null: nobody asks
  std::uint64_t punts_per_second = 10'000;  ///< to the host through the exception path
  std::uint64_t icmp_errors_per_second = 1'000;
};

/// Bursts received by size: 1, 2 to 3, 4 to 7, ... up to kBurstMax.
using BurstSizes = std::array<Counter, std::bit_width(kBurstMax)>;

/// Used by one thread. Pools, queues, inboxes and the reader must outlive it.
class Worker {
 public:
  using SnapshotReader = Publisher<Snapshot>::Reader;

  Worker(const WorkerOptions& options, SnapshotReader& snapshots, PacketPool& pool);

  /// One round: messages, every queue once, timers. Says whether there was anything to do. Before
  /// the first snapshot nothing is received.
  bool turn(Nanoseconds now);

  [[nodiscard]] const Books& books() const { return books_; }
  [[nodiscard]] const BurstSizes& burst_sizes() const { return burst_sizes_; }
  [[nodiscard]] Pipeline& pipeline() { return pipeline_; }

 private:
  struct Source {
    PortQueue* queue;
    std::uint64_t may_spread;
  };

  bool take_messages(const Snapshot& snapshot);
  bool take_packets(const Snapshot& snapshot);
  bool poll(const Snapshot& snapshot, const Source& source);
  void finish(const Snapshot& snapshot, std::uint64_t may_spread);
  bool answer_question(const Snapshot& snapshot);
  void post_redirects();
  void post_neighbours();

  SnapshotReader& snapshots_;
  std::vector<Source> sources_;
  std::vector<Inbox*> inboxes_;
  QuestionChannel* questions_;
  Question* question_ = nullptr;  ///< that is being answered
  Books books_;
  BurstSizes burst_sizes_;
  Pipeline pipeline_;
  Transmitter transmitter_;
  Context context_;
  std::unique_ptr<Burst> burst_;
};

}  // namespace sluice
