/// The way of a packet: one list of stages, composed at compile time. pipeline.cpp is the page to
/// read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/packet/context.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/packet/snapshot.hpp"
#include "dataplane/packet/trace.hpp"

namespace sluice {

struct KnownOfPacket;

/// What a worker's tables are made with. All memory is taken at construction.
struct PipelineOptions {
  std::uint16_t worker = 0;
  std::uint16_t workers = 1;
  HashSeed seed;                  ///< equal on all workers
  CounterBlock* slots = nullptr;  ///< of the worker; must outlive the pipeline
  TraceChannel* trace = nullptr;  ///< may be null: nothing is traced
  firewall::TrackingSource tracking;
  std::uint32_t flows_max = 262'144;
  std::uint32_t clients_max = 65'536;  ///< remembered for the persistence of services
  std::uint32_t neighbours_max = 8192;
};

/// One worker's stages with the tables they own. Used by one thread.
class Pipeline {
 public:
  explicit Pipeline(const PipelineOptions& options);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Runs all stages over packets[0..count), which were filled as by PortQueue::receive. Afterwards
  /// each has a verdict other than none, and where it leaves, an out_port. Packets in `may_spread`
  /// are handed to the worker that their flow's symmetric hash names, if that is another one.
  void run(Context& context, const Snapshot& snapshot, Burst& burst, std::uint64_t may_spread = 0);
  /// As run(), for one packet of which `live` is to know nothing: what its tables hold about the
  /// packet is copied into this pipeline's, which were empty, before the stage that uses it runs.
  /// So the verdict is the one that run() of `live` would come to. `known` takes what was found
  /// there.
  void rehearse(const Pipeline& live, Context& context, const Snapshot& snapshot, Burst& burst,
                KnownOfPacket& known);
  /// Time-outs, in slices: once a turn, more of them when the turn had nothing else to do.
  void tick(Context& context, const Snapshot& snapshot, bool idle);

  [[nodiscard]] Tracer& tracer() { return tracer_; }
  [[nodiscard]] route::Neighbours& neighbours() { return *neighbours_; }
  [[nodiscard]] firewall::Tracker& tracker() { return *tracker_; }
  [[nodiscard]] balancer::FlowTable& flows() { return *flows_; }
  [[nodiscard]] const route::Neighbours& neighbours() const { return *neighbours_; }
  [[nodiscard]] const firewall::Tracker& tracker() const { return *tracker_; }
  [[nodiscard]] const balancer::FlowTable& flows() const { return *flows_; }

  struct Turn;  ///< what a stage is given; defined in pipeline.cpp

 private:
  [[nodiscard]] Turn turn(Context& context, const Snapshot& snapshot, Burst& burst,
                          std::uint64_t may_spread);
  void run(Turn& packets);

  std::uint16_t workers_;
  std::unique_ptr<firewall::Tracker> tracker_;
  std::unique_ptr<balancer::FlowTable> flows_;
  std::unique_ptr<route::Neighbours> neighbours_;
  Tracer tracer_;
};

/// Name of a stage by its index in Packet::stage and TraceStep::stage.
[[nodiscard]] std::string_view stage_name(unsigned stage);

/// The picture of the path that README.md shows; `sluice-dataplane --print-path` prints it.
[[nodiscard]] std::string describe_path();

}  // namespace sluice
