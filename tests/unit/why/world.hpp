/// One worker's pipeline with a bit of everything, and rehearsals over it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/packet/why.hpp"
#include "dataplane/packet/why_text.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice::test {

/// The lab's addresses: ports wan and lan, services web (NAT), web-dsr and echo, a name server, a
/// filter that drops port 2323 and rejects 2424 and 2525, a gateway, a blackhole.
[[nodiscard]] Sources lab_sources();

struct WorldOptions {
  std::uint16_t worker = 0;
  std::uint16_t workers = 1;
  std::uint32_t connections_max = 1024;
  std::uint32_t flows_max = 1024;
  std::uint32_t neighbours_max = 64;
};

/// What became of a packet.
struct Outcome {
  TraceRecord record;
  Packet packet;  ///< its pointers are stale
  Bytes bytes;    ///< of the frame at its end
};

/// A worker's tables under a state.
class World {
 public:
  static constexpr std::uint32_t kSlots = 512;

  explicit World(const Sources& sources, const WorldOptions& options = {});
  ~World();

  /// The packet comes: everything happens.
  Outcome run(const Bytes& frame, PortId in_port, std::uint16_t flags = 0);
  /// What would happen.
  [[nodiscard]] std::unique_ptr<Rehearsal> rehearse(const Bytes& frame, PortId in_port,
                                                    std::uint16_t flags = 0,
                                                    bool next_segment = false) const;
  void pass(Nanoseconds time);
  /// A neighbour answers a request of ours.
  void resolve(PortId port, const char* address);
  /// Everything that a packet could change, byte by byte.
  [[nodiscard]] Bytes everything() const;

  [[nodiscard]] Pipeline& pipeline() { return *pipeline_; }
  [[nodiscard]] Context& context() { return harness_.context; }
  [[nodiscard]] const PipelineOptions& options() const { return options_; }
  [[nodiscard]] const Snapshot& snapshot() const { return *snapshot_; }

 private:
  PipelineOptions options_;
  StageHarness harness_;
  TraceChannel trace_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<Pipeline> pipeline_;
};

[[nodiscard]] Outcome outcome_of(const Rehearsal& rehearsal);
/// The two came to the same end by the same way; otherwise what differs.
[[nodiscard]] std::string difference(const Outcome& rehearsed, const Outcome& real);

}  // namespace sluice::test
