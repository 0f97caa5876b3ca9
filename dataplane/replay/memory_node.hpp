/// A node in memory: one worker of the data plane, its ports without wires, and the way of every
/// packet noted.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/worker.hpp"
#include "dataplane/runtime/publisher.hpp"

namespace sluice::replay {

/// Takes what leaves, in the order in which it does.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void frame(PortId port, std::span<const std::uint8_t> bytes) = 0;
};

/// A port whose receive side is fed by offer() and whose send side ends in the sink.
class SinkQueue final : public PortQueue {
 public:
  /// `sink` may be null: what is sent is gone.
  SinkQueue(PortId port, MemoryPool& pool, FrameSink* sink)
      : port_(port), pool_(pool), sink_(sink) {}

  /// Queues a frame for the next receive; it is copied. False: no buffer is left.
  [[nodiscard]] bool offer(std::span<const std::uint8_t> bytes);

  [[nodiscard]] unsigned receive(std::span<Packet> packets) override;
  [[nodiscard]] unsigned send(std::span<Packet* const> packets) override;
  void release(std::span<Packet* const> packets) override;

 private:
  PortId port_;
  MemoryPool& pool_;
  FrameSink* sink_;
  std::vector<Packet> waiting_;
};

/// What a node in memory adds to a state: nobody answers ARP, and there is a host to punt to.
[[nodiscard]] Sources with_surroundings(Sources sources);

/// One thread only. Random seeds are constants, so that a run can be repeated.
class MemoryNode {
 public:
  /// At most this many packets are offered for one turn: as many as a burst can trace.
  static constexpr unsigned kBurst = Tracer::kPerBurst;

  /// `sources` are those that the snapshot was compiled from, with_surroundings.
  MemoryNode(const Sources& sources, std::shared_ptr<const Snapshot> snapshot,
             std::uint32_t counters, FrameSink& sink);

  [[nodiscard]] bool offer(PortId port, std::span<const std::uint8_t> bytes) {
    return queues_[port]->offer(bytes);
  }
  /// One turn of the worker. Afterwards the way of each packet that was offered is in records(), by
  /// port and within a port in the order they were offered.
  void turn(Nanoseconds now);
  [[nodiscard]] std::span<const TraceRecord> records() const {
    return {records_.data(), records_count_};
  }
  [[nodiscard]] const Books& books() const { return worker_->books(); }

 private:
  MemoryPool pool_;
  Publisher<Snapshot> publisher_{1};
  Publisher<Snapshot>::Reader reader_{publisher_, 0};
  CounterBlock counters_;
  TraceChannel trace_{kBurst * 2};
  std::vector<std::unique_ptr<SinkQueue>> queues_;  ///< by PortId; the last is the host's
  std::unique_ptr<Worker> worker_;
  std::vector<TraceRecord> records_;
  std::size_t records_count_ = 0;
};

}  // namespace sluice::replay
