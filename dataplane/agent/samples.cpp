#include "dataplane/agent/samples.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::agent {
namespace {

/// Segments of a slot's name that name what follows them.
constexpr std::array<std::string_view, 7> kLabels = {"firewall", "counter", "rule", "set",
                                                     "service",  "backend", "zone"};

bool is_label(std::string_view segment) {
  return std::find(kLabels.begin(), kLabels.end(), segment) != kLabels.end();
}

std::string_view next_segment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return segment;
}

/// The value after a label. A rule's text may hold slashes and is always last. A zone's name may
/// hold them too (RFC 2317); what it counts is last.
std::string_view label_value(std::string_view label, std::string_view& rest) {
  if (label == "rule") return std::exchange(rest, {});
  if (label != "zone") return next_segment(rest);
  const std::size_t slash = std::min(rest.rfind('/'), rest.size());
  const std::string_view value = rest.substr(0, slash);
  rest.remove_prefix(std::min(slash + 1, rest.size()));
  return value;
}

/// Its slots are counted up and down by the workers.
bool is_gauge(std::string_view metric) {
  constexpr std::string_view kEnding = "_in_use";
  return metric.size() >= kEnding.size() &&
         metric.substr(metric.size() - kEnding.size()) == kEnding;
}

/// Metric names hold letters, digits and underscores.
void append_name(std::string& name, std::string_view segment) {
  if (!name.empty()) name += '_';
  for (const char c : segment) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '_';
  }
}

}  // namespace

v1::Sample& Samples::add(std::string_view name, Labels labels, double value) {
  v1::Sample& sample = *report_.add_samples();
  sample.set_name(std::string(name));
  for (const auto& [key, text] : labels) {
    v1::Label& label = *sample.add_labels();
    label.set_name(std::string(key));
    label.set_value(std::string(text));
  }
  sample.set_value(value);
  return sample;
}

void Samples::total(std::string_view name, Labels labels, double value) {
  add(name, labels, value);
}

void Samples::gauge(std::string_view name, Labels labels, double value) {
  add(name, labels, value).set_gauge(true);
}

void Samples::books(std::string_view worker, const Books& books) {
  const auto count = [&](std::string_view name, const Counter& counter) {
    total(name, {{"worker", worker}}, static_cast<double>(counter.value()));
  };
  count("packets_received_total", books.received);
  count("packets_sent_total", books.sent);
  count("packets_answered_total", books.answered);
  count("packets_punted_total", books.punted);
  count("packets_originated_total", books.originated);
  count("packets_handed_total", books.handed);
  gauge("packets_held", {{"worker", worker}}, static_cast<double>(books.held_now.value()));
  for (unsigned reason = 1; reason < kDropReasons; ++reason) {
    total("packets_dropped_total",
          {{"worker", worker}, {"reason", name_of(static_cast<DropReason>(reason))}},
          static_cast<double>(books.dropped[reason].value()));
  }
}

void Samples::early_drops(std::uint64_t packets) {
  const auto value = static_cast<double>(packets);
  total("packets_received_total", {{"worker", "xdp"}}, value);
  total("packets_dropped_total", {{"worker", "xdp"}, {"reason", name_of(DropReason::early_list)}},
        value);
}

void Samples::slots(const SlotRegistry& registry, std::span<const CounterBlock* const> blocks) {
  for (const auto& [slot_name, slot] : registry.all()) {
    SlotValue sum;
    for (const CounterBlock* block : blocks) {
      const SlotValue value = block->read(slot);
      sum.events += value.events;
      sum.units += value.units;
    }
    const SlotMetric metric = slot_metric(slot_name);
    const bool gauge = is_gauge(metric.name);
    const auto add_total = [&](std::string_view ending, std::uint64_t value) {
      v1::Sample& sample = add(metric.name + std::string(ending), {}, static_cast<double>(value));
      sample.set_gauge(gauge);
      for (const auto& [key, text] : metric.labels) {
        v1::Label& label = *sample.add_labels();
        label.set_name(key);
        label.set_value(text);
      }
    };
    if (gauge) {
      add_total("", sum.events);
      continue;
    }
    add_total(metric.traffic ? "_packets_total" : "_total", sum.events);
    if (metric.traffic) add_total("_bytes_total", sum.units);
  }
}

SlotMetric slot_metric(std::string_view slot) {
  SlotMetric metric;
  metric.traffic = true;
  std::string_view rest = slot;
  while (!rest.empty()) {
    const std::string_view segment = next_segment(rest);
    append_name(metric.name, segment);
    if (is_label(segment) && !rest.empty()) {
      metric.labels.emplace_back(segment, label_value(segment, rest));
      metric.traffic = true;
    } else {
      metric.traffic = false;
    }
  }
  return metric;
}

}  // namespace sluice::agent
