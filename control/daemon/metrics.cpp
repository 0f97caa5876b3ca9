#include "control/daemon/metrics.hpp"

#include <algorithm>
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

class Collector final : public prometheus::Collectable {
 public:
  Collector(Keeper& keeper, Fleet& fleet, std::string version)
      : keeper_(keeper), fleet_(fleet), version_(std::move(version)) {}

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
    return families.take();
  }

 private:
  Keeper& keeper_;
  Fleet& fleet_;
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
                                                     Fleet& fleet, std::string version) {
  try {
    return std::make_unique<PrometheusServer>(
        address, std::make_shared<Collector>(keeper, fleet, std::move(version)));
  } catch (const std::exception&) {
    return fail("cannot serve /metrics", address,
                "stop what listens there, or set `metrics` to another address");
  }
}

}  // namespace sluice::control
