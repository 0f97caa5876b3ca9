/// The data plane of this process, put together: ports, workers, the live snapshot, and what the
/// agent asks of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/agent/applier.hpp"
#include "dataplane/agent/plane.hpp"
#include "dataplane/nic/host_net.hpp"
#include "dataplane/nic/port.hpp"
#include "dataplane/start/node_proto.hpp"
#include "dataplane/start/questions.hpp"
#include "dataplane/start/shards.hpp"
#include "dataplane/start/tracing.hpp"
#include "dataplane/start/why.hpp"
#include "dataplane/start/workers.hpp"

namespace sluice::start {

/// The seam between the agent and the parts. Made and used by the control thread.
class Node final : public agent::Plane {
 public:
  /// `ports` are opened, in the order of the configuration, the exception TAP last; `host` is the
  /// kernel's side of that.
  Node(const v1::DataplaneConfig& config, std::unique_ptr<nic::Ports> ports,
       std::optional<nic::HostNet> host);

  /// Makes the workers and starts them. `initial` sizes their tables: limits that a state sets are
  /// reserved now and stay until the next start.
  [[nodiscard]] Result<void> start(const v1::DesiredState& initial, const HashSeed& seed);
  /// What is due: old snapshots freed; once a second, link state and health watched.
  void turn(Nanoseconds now);
  /// Ends the workers; the ports are closed by the destructor.
  void stop();

  [[nodiscard]] std::vector<v1::Problem> apply(const v1::Snapshot& snapshot,
                                               const model::Places* places) override;
  void set_health(const v1::Health& health) override;
  [[nodiscard]] v1::Health health() override { return applier_.health(); }
  [[nodiscard]] std::vector<v1::PortFact> ports() override;
  void sample(agent::Samples& samples) override;
  [[nodiscard]] std::string trouble() override { return trouble_; }
  void ask(const v1::Query& query) override;
  void trace(const v1::Trace& trace) override;
  void stop_trace(std::uint64_t id) override;
  void take_results(const Sink& sink) override;

 private:
  void make_tracing();
  void make_questions(const WorkersOptions& options);
  [[nodiscard]] Result<std::unique_ptr<Inquiry>> inquiry_of(const v1::Query& query) const;
  [[nodiscard]] Result<std::unique_ptr<Inquiry>> inquiry_of(const v1::TableQuery& query) const;
  [[nodiscard]] std::string find_trouble();
  void follow(const Sources& sources);
  void sample_ports(agent::Samples& samples);

  const v1::DataplaneConfig config_;
  std::unique_ptr<nic::Ports> ports_;
  std::optional<nic::HostNet> host_;
  SlotRegistry slots_;
  Publisher<Snapshot> publisher_;
  model::NodeFacts facts_;
  MonotonicClock clock_;
  agent::Applier applier_;
  RehearsedNode rehearsed_;
  std::unique_ptr<Questions> questions_;  ///< before the workers: they may hold questions of it
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<Shards> shards_;
  std::unique_ptr<Tracing> tracing_;
  std::string follow_error_;  ///< what of the live state could not be done outside the workers
  std::vector<v1::FromDataplane> results_;  ///< waiting for take_results
  std::string trouble_;                     ///< as it was found last
  Nanoseconds watch_at_ = 0;
};

}  // namespace sluice::start
