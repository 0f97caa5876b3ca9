/// `sluice why`: what would happen to a packet that came now.
///
/// The packet walks the very stages, over a small pipeline of its own into which is copied what the
/// worker's tables hold about it. So the answer is what the worker would decide, and nothing of the
/// worker changes: no table, no counter, no rate; nothing is sent.
#pragma once

#include <array>
#include <optional>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/firewall/tracking/connection.hpp"
#include "dataplane/packet/pipeline.hpp"
#include "dataplane/packet/question.hpp"
#include "dataplane/route/neighbours.hpp"

namespace sluice {

/// What a worker's tables held about a packet before it came.
struct KnownOfPacket {
  bool next_segment = false;  ///< asked for: see Rehearsal::Arrival
  std::optional<balancer::Flow> flow;
  std::optional<firewall::Connection> connection;  ///< under the addresses after `restore`
  std::optional<route::Neighbour> neighbour;       ///< it leaves to

  void set(const balancer::Flow* found) { flow = optional_of(found); }
  void set(const firewall::Connection* found) { connection = optional_of(found); }
  void set(const route::Neighbour* found) { neighbour = optional_of(found); }

 private:
  template <class T>
  static std::optional<T> optional_of(const T* found) {
    return found == nullptr ? std::nullopt : std::optional<T>(*found);
  }
};

/// Room for one frame and what answers it.
class RehearsalPool final : public PacketPool, public Emitter {
 public:
  static constexpr std::uint16_t kHeadroom = 128;
  static constexpr std::uint16_t kRoom = 1920;

  /// The frame's buffer; false: the frame is too long.
  [[nodiscard]] bool load(Packet& packet, std::span<const std::uint8_t> frame);
  /// No buffer for frames of our own: they would not be sent anyway.
  [[nodiscard]] bool allocate(Packet&) override { return false; }
  void release(Packet&) override {}
  void emit(const Packet&) override {}

 private:
  std::array<std::uint8_t, kHeadroom + kRoom> buffer_{};
};

/// One packet's rehearsal. Made by the control thread with all the memory it needs.
class Rehearsal final : public Question {
 public:
  /// A frame that came in by `in_port`; `flags` are those that a port sets, as kFromHost.
  struct Arrival {
    std::span<const std::uint8_t> frame;
    PortId in_port = kNoPort;
    std::uint16_t flags = 0;
    /// A TCP segment without SYN gets the numbers that its connection, if there is one, expects.
    bool next_segment = false;
  };

  /// `options` are those of the worker that is asked: its tables' seed, its number. `counters` is
  /// the size of its counter block.
  Rehearsal(PipelineOptions options, std::uint32_t counters, const Arrival& arrival);

  [[nodiscard]] bool advance(const Pipeline& pipeline, const Context& context,
                             const Snapshot& snapshot) override;

  // The answer.

  /// What each stage decided; names as in a trace (names.hpp).
  [[nodiscard]] const TraceRecord& record() const { return record_; }
  [[nodiscard]] const KnownOfPacket& known() const { return known_; }
  /// The packet at its end.
  [[nodiscard]] const Packet& packet() const { return burst_.packets[0]; }
  /// Of the worker's clock, when it was asked.
  [[nodiscard]] Nanoseconds time() const { return record_.time; }

 private:
  [[nodiscard]] PipelineOptions with_own(PipelineOptions options);

  CounterBlock slots_;
  TraceChannel trace_{1};
  Books books_;
  RehearsalPool pool_;
  Pipeline pipeline_;
  Burst burst_;
  KnownOfPacket known_;
  TraceRecord record_;
};

}  // namespace sluice
