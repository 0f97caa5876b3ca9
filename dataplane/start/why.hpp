/// `sluice why`: a rehearsal of one packet on the worker that its flow belongs to.
#pragma once

#include <optional>

#include "dataplane/packet/why.hpp"
#include "dataplane/packet/why_frame.hpp"
#include "dataplane/start/inquiry.hpp"

namespace sluice::start {

/// What a rehearsal has to know of this node.
struct RehearsedNode {
  std::vector<std::string> ports;  ///< by PortId
  PipelineOptions pipeline;        ///< as of the workers; the number of a worker is filled in
  std::uint32_t counters_max = 0;
  /// The worker of a flow is the one that its hash names, whichever queue its packets come by.
  bool spread = false;
};

/// The packet that a query describes. Error: which field is wrong.
[[nodiscard]] Result<DescribedPacket> described_packet(const v1::WhyQuery& query);

class WhyInquiry final : public Inquiry {
 public:
  /// `node` must outlive it.
  WhyInquiry(v1::WhyQuery query, const RehearsedNode& node)
      : query_(std::move(query)), node_(node) {}

  [[nodiscard]] Result<std::vector<WorkerQuestion>> begin(
      std::shared_ptr<const Snapshot> live) override;
  [[nodiscard]] std::vector<WorkerQuestion> take(WorkerQuestion answer,
                                                 std::shared_ptr<const Snapshot> live) override;
  [[nodiscard]] std::vector<v1::QueryResult> results() override;

 private:
  /// A packet is handed on twice at most; and a change of the configuration may come between.
  static constexpr unsigned kRepeatsMax = 4;

  [[nodiscard]] Result<void> find_port(const Snapshot& live);
  [[nodiscard]] Result<void> add_query(const Snapshot& live);
  [[nodiscard]] std::vector<WorkerQuestion> ask(std::uint16_t worker);
  [[nodiscard]] bool found(const Rehearsal& rehearsal) const;
  void keep(std::unique_ptr<Rehearsal> rehearsal, std::uint16_t worker);

  v1::WhyQuery query_;
  const RehearsedNode& node_;
  DescribedPacket packet_;
  std::vector<std::uint8_t> frame_;
  PortId in_port_ = kNoPort;
  std::uint16_t flags_ = 0;
  std::uint16_t first_worker_ = 0;
  std::uint16_t workers_asked_ = 0;
  unsigned repeats_ = 0;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<v1::TraceStep> earlier_;  ///< on workers that handed the packet on
  std::unique_ptr<Rehearsal> answer_;
  std::uint16_t worker_ = 0;  ///< that gave the answer
};

}  // namespace sluice::start
