/// Tracing: what each stage decided about the packets that a filter matches. The worker writes
/// records of fixed size into a ring; names are put to the numbers outside of it (trace_text.hpp).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/packet/context.hpp"
#include "dataplane/runtime/ring.hpp"

namespace sluice {

/// Which packets to trace. Everything absent (0, kNoPort, length 0) matches all.
struct TraceFilter {
  std::uint32_t id = 0;  ///< given back in the records; 0 in a command means: stop tracing
  PortId in_port = kNoPort;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t ether_type = 0;  ///< 0x0806 for ARP
  std::uint8_t protocol = 0;     ///< with ether_type 0 and protocol 0: any
  bool has_protocol = false;
  bool has_source = false;
  bool has_destination = false;
  bool dropped_only = false;
  std::uint8_t padding = 0;
  std::uint16_t snap = 0;   ///< bytes of each frame to copy as it came in; at most kTraceSnapMax
  std::uint32_t limit = 0;  ///< records, then the worker stops by itself; 0: no limit
  Prefix source;
  Prefix destination;

  [[nodiscard]] bool matches(const Packet& packet) const;
};

/// The state of a packet after one stage.
struct TraceStep {
  std::uint8_t stage = 0;  ///< index in the pipeline's list of stages
  Verdict verdict = Verdict::none;
  DropReason reason = DropReason::none;
  ConnectionState connection = ConnectionState::untracked;
  std::uint16_t flags = 0;
  PortId out_port = kNoPort;
  std::uint32_t rule = 0;  ///< as in Packet: 1 + index
  std::uint32_t service = 0;
  std::uint32_t backend = 0;
  std::uint32_t next_hop = 0;
  FlowKey key;  ///< after the stage
};

inline constexpr unsigned kTraceSteps = 12;
/// An Ethernet frame of the usual MTU with two tags.
inline constexpr unsigned kTraceSnapMax = 1522;

/// One packet's way.
struct TraceRecord {
  Nanoseconds time = 0;  ///< of the burst, by the worker's clock
  std::uint64_t revision = 0;
  std::uint32_t filter = 0;
  std::uint16_t worker = 0;
  PortId in_port = kNoPort;
  std::uint16_t length = 0;
  std::uint16_t ether_type = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint8_t steps_count = 0;
  std::uint8_t ip_version = 0;
  std::uint8_t last = 0;  ///< 1: the filter's limit is reached
  Verdict verdict = Verdict::none;
  DropReason reason = DropReason::none;
  FlowKey key;                ///< as it came in
  std::uint16_t snapped = 0;  ///< bytes in `frame`
  std::array<TraceStep, kTraceSteps> steps;
  std::array<std::uint8_t, kTraceSnapMax> frame{};  ///< the first bytes as they came in
};

/// Between the worker and the one thread that traces: filters in, records out.
struct TraceChannel {
  explicit TraceChannel(std::uint32_t records_max = 1024) : records(records_max) {}
  SpscRing<TraceFilter> filters{8};  ///< the last one holds; id 0 stops
  SpscRing<TraceRecord> records;     ///< full: records are lost and counted as refused
};

/// The worker's end. While no filter is set it costs one branch a burst.
class Tracer {
 public:
  static constexpr unsigned kPerBurst = 16;  ///< of a burst, more packets are not traced

  /// Without a channel nothing is ever traced. The channel must outlive the tracer.
  explicit Tracer(TraceChannel* channel = nullptr) : channel_(channel) {}

  /// Takes new filters from the channel; once a turn.
  void poll();
  /// Sets a filter from the worker's own thread.
  void set(const TraceFilter& filter);
  [[nodiscard]] bool active() const { return filter_.id != 0; }

  /// After parse: marks what the filter matches (kTraced) and begins its records.
  void begin(const Context& context, std::uint64_t revision, Burst& burst);
  /// After a stage: notes those packets that entered it, `entered` being the alive set before.
  void step(std::uint8_t stage, std::uint64_t entered, const Burst& burst);
  /// After the burst was sent: verdicts are final. Hands the records over.
  void end(const Burst& burst);

 private:
  struct Open {
    unsigned packet = 0;
    TraceRecord record;
  };

  TraceChannel* channel_;
  TraceFilter filter_;
  std::uint32_t written_ = 0;
  unsigned open_count_ = 0;
  std::array<Open, kPerBurst> open_;
};

}  // namespace sluice
