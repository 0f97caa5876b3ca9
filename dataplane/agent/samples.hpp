/// Counters as Prometheus names them: what the workers count becomes the samples of a report.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/packet/context.hpp"
#include "dataplane/runtime/counters.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::agent {

/// Appends samples to a report. Names are without "sluice_".
class Samples {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Samples(v1::Report& report) : report_(report) {}

  /// A total since the start; the name ends in "_total" (or is part of a histogram).
  void total(std::string_view name, Labels labels, double value);
  /// A value that also falls.
  void gauge(std::string_view name, Labels labels, double value);

  /// packets_received_total and the like of one worker, drops by reason.
  void books(std::string_view worker, const Books& books);
  /// What the XDP programs of all ports dropped by their lists: received and dropped, so that the
  /// books include it, with worker="xdp" since no worker saw it.
  void early_drops(std::uint64_t packets);
  /// Every named counter, summed over the workers' blocks; see slot_metric.
  void slots(const SlotRegistry& registry, std::span<const CounterBlock* const> blocks);

 private:
  v1::Sample& add(std::string_view name, Labels labels, double value);
  v1::Report& report_;
};

/// What a slot's name means: "firewall/edge/counter/telnet-alt" is firewall_counter with the labels
/// firewall="edge", counter="telnet-alt", and counts packets and bytes; "zone/example.test/queries"
/// is zone_queries with zone="example.test", and counts events only.
struct SlotMetric {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  bool traffic = false;  ///< events are packets, units are bytes
};
[[nodiscard]] SlotMetric slot_metric(std::string_view slot);

}  // namespace sluice::agent
