#include "control/daemon/metrics.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include <prometheus/check_names.h>
#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

namespace sluice::control {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// Families by name, put together sample by sample.
class Families {
 public:
  void add(const std::string& name, const std::string& help, bool gauge, double value,
           std::vector<ClientMetric::Label> labels) {
    MetricFamily& family = families_[name];
    family.name = name;
    family.help = help;
    family.type = gauge ? MetricType::Gauge : MetricType::Counter;
    ClientMetric metric;
    metric.label = std::move(labels);
    (gauge ? metric.gauge.value : metric.counter.value) = value;
    family.metric.push_back(std::move(metric));
  }

  /// Counts of values up to each bound and not up to the one before, the last without a bound.
  void add_histogram(const std::string& name, const std::string& help,
                     const health::Durations& durations, std::vector<ClientMetric::Label> labels) {
    MetricFamily& family = families_[name];
    family.name = name;
    family.help = help;
    family.type = MetricType::Histogram;
    ClientMetric metric;
    metric.label = std::move(labels);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < durations.counts.size(); ++i) {
      count += durations.counts[i];
      const bool last = i == durations.kBounds.size();
      metric.histogram.bucket.push_back(
          {count, last ? std::numeric_limits<double>::infinity() : durations.kBounds[i]});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = durations.sum;
    family.metric.push_back(std::move(metric));
  }

  std::vector<MetricFamily> take() {
    std::vector<MetricFamily> out;
    for (auto& [name, family] : families_) out.push_back(std::move(family));
    return out;
  }

 private:
  std::map<std::string, MetricFamily> families_;
};

/// What a data plane reports, under its node's name. Names and labels that are none are left out:
/// one bad sample would make the whole page unreadable.
void add_sample(const v1::Sample& sample, const std::string& node, Families& families) {
  const std::string name = "sluice_" + sample.name();
  if (!prometheus::CheckMetricName(name)) return;
  std::vector<ClientMetric::Label> labels{{"node", node}};
  for (const v1::Label& label : sample.labels()) {
    if (label.name() == "node" || !prometheus::CheckLabelName(label.name())) {
      return;
    }
    labels.push_back({label.name(), label.value()});
  }
  families.add(name, "As the data plane reports it.", sample.gauge(), sample.value(),
               std::move(labels));
}

void add_health(const health::Status& status, Families& families) {
  const auto labels = [&] {
    return std::vector<ClientMetric::Label>{{"service", std::get<0>(status.key)},
                                            {"backend", std::get<1>(status.key)},
                                            {"address", std::get<2>(status.key).text()}};
  };
  // What nothing is decided about gets flows, but nobody has seen it live.
  if (status.health != health::Health::unknown) {
    families.add("sluice_backend_healthy", "Whether a backend lives, as its checks decided.", true,
                 status.health == health::Health::healthy ? 1 : 0, labels());
  }
  constexpr std::array<const char*, 3> kResults{"passed", "failed", "not_run"};
  for (std::size_t i = 0; i < kResults.size(); ++i) {
    auto with_result = labels();
    with_result.push_back({"result", kResults[i]});
    families.add("sluice_health_checks_total", "Checks of a backend by what they said.", false,
                 static_cast<double>(status.outcomes[i]), std::move(with_result));
  }
}

void add_health(const health::Checker& checker, Families& families) {
  for (const health::Status& status : checker.status()) add_health(status, families);
  const health::Checker::Totals totals = checker.totals();
  for (const auto& [service, durations] : totals.durations) {
    families.add_histogram("sluice_health_check_duration_seconds",
                           "How long the checks of a service's backends took.", durations,
                           {{"service", service}});
  }
  families.add("sluice_health_checks_late_total", "Checks begun a second late or more.", false,
               static_cast<double>(totals.late), {});
  families.add("sluice_health_checks_under_way", "Checks that wait for an answer.", true,
               static_cast<double>(totals.under_way), {});
}

class Collector final : public prometheus::Collectable {
 public:
  Collector(Keeper& keeper, Fleet& fleet, const health::Checker& checker, std::string version)
      : keeper_(keeper), fleet_(fleet), checker_(checker), version_(std::move(version)) {}

  std::vector<MetricFamily> Collect() const override {
    Families families;
    families.add("sluice_build_info", "The version that runs, as a label.", true, 1,
                 {{"version", version_}});
    families.add("sluice_config_target_revision", "The revision that is desired.", true,
                 static_cast<double>(keeper_.current()), {});
    const auto refusals = fleet_.refusals();
    for (const v1::NodeStatus& status : fleet_.status(true)) {
      const std::string& node = status.node();
      families.add("sluice_config_revision", "The revision in force at a data plane.", true,
                   static_cast<double>(status.revision()), {{"node", node}});
      families.add("sluice_node_connected", "Whether a data plane is connected.", true,
                   status.connected() ? 1 : 0, {{"node", node}});
      families.add("sluice_node_healthy", "Whether a data plane is connected and well.", true,
                   status.connected() && status.unhealthy_reason().empty() ? 1 : 0,
                   {{"node", node}});
      const auto refused = refusals.find(node);
      families.add("sluice_config_refused_total", "Revisions that a data plane refused.", false,
                   refused == refusals.end() ? 0 : static_cast<double>(refused->second),
                   {{"node", node}});
      for (const v1::Sample& sample : status.samples()) add_sample(sample, node, families);
    }
    add_health(checker_, families);
    return families.take();
  }

 private:
  Keeper& keeper_;
  Fleet& fleet_;
  const health::Checker& checker_;
  const std::string version_;
};

class PrometheusServer final : public MetricsServer {
 public:
  PrometheusServer(const std::string& address, std::shared_ptr<Collector> collector)
      : collector_(std::move(collector)), exposer_(address, 1) {
    exposer_.RegisterCollectable(collector_);
  }

 private:
  std::shared_ptr<Collector> collector_;
  prometheus::Exposer exposer_;
};

}  // namespace

Result<std::unique_ptr<MetricsServer>> serve_metrics(const std::string& address, Keeper& keeper,
                                                     Fleet& fleet, const health::Checker& checker,
                                                     std::string version) {
  try {
    return std::make_unique<PrometheusServer>(
        address, std::make_shared<Collector>(keeper, fleet, checker, std::move(version)));
  } catch (const std::exception&) {
    return fail("cannot serve /metrics", address,
                "stop what listens there, or set `metrics` to another address");
  }
}

}  // namespace sluice::control
