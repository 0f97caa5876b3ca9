// Rates of the data planes, refreshed each second.
#include <chrono>
#include <iostream>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "control/cli/client.hpp"
#include "control/cli/commands.hpp"
#include "control/cli/print.hpp"

namespace sluice::cli {
namespace {

using Totals = std::map<std::string, double>;
constexpr std::size_t kRowsMax = 20;

/// Totals of a node by what they count, workers summed up.
Totals totals_of(const v1::NodeStatus& node) {
  Totals totals;
  for (const v1::Sample& sample : node.samples()) {
    if (sample.gauge()) continue;
    std::string key = sample.name();
    for (const v1::Label& label : sample.labels()) {
      if (label.name() != "worker") key += " " + label.name() + "=" + label.value();
    }
    totals[key] += sample.value();
  }
  return totals;
}

std::map<std::string, Totals> totals_of(const v1::StatusResponse& response) {
  std::map<std::string, Totals> nodes;
  for (const v1::NodeStatus& node : response.nodes()) nodes[node.node()] = totals_of(node);
  return nodes;
}

/// The fastest counters, fastest first.
std::string rates_text(const Totals& before, const Totals& after, double seconds) {
  std::vector<std::pair<double, std::string>> rates;
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    const double rate = (value - (old == before.end() ? value : old->second)) / seconds;
    if (rate > 0) rates.emplace_back(rate, name);
  }
  std::sort(rates.begin(), rates.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (rates.size() > kRowsMax) rates.resize(kRowsMax);
  Table table({"PER SECOND", "COUNTER"});
  for (const auto& [rate, name] : rates) table.add({fmt::format("{:.0f}", rate), name});
  return table.text();
}

}  // namespace

Exit top(const Invocation& invocation) {
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  std::map<std::string, Totals> before;
  auto read_at = std::chrono::steady_clock::now();
  for (bool first = true;; first = false) {
    const auto response = (*client)->status();
    if (!response) return failed(response.error());
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - read_at).count();
    read_at = now;
    std::map<std::string, Totals> after = totals_of(*response);
    if (!first) {
      if (terminal && !invocation.once) std::cout << "\x1b[H\x1b[2J";
      std::cout << "revision " << response->revision() << '\n';
      for (const auto& [node, totals] : after) {
        std::cout << '\n' << node << '\n' << rates_text(before[node], totals, seconds);
      }
      std::cout.flush();
      if (invocation.once) return Exit::done;
    }
    before = std::move(after);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace sluice::cli
