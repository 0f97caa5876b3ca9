#include "control/daemon/flow_counts.hpp"

#include <charconv>

namespace sluice::control {
namespace {

using std::chrono::steady_clock;

/// A row: service, backend, flows.
void add(const v1::TableRow& row, model::FlowCounts& counts) {
  constexpr int kCells = 3;
  if (row.cells_size() != kCells) return;
  const std::string& text = row.cells(2);
  std::uint64_t flows = 0;
  std::from_chars(text.data(), text.data() + text.size(), flows);
  counts[{row.cells(0), row.cells(1)}] += flows;
}

/// False: the last of its answers did not come.
bool take(Conversation& conversation, steady_clock::time_point deadline,
          model::FlowCounts& counts) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    const auto next = conversation.next(std::max(left, std::chrono::milliseconds(0)));
    if (!next || next->result().problems_size() != 0) return false;
    for (const v1::TableRow& row : next->result().rows()) add(row, counts);
    if (next->result().last()) return true;
  }
}

}  // namespace

FlowsNow count_flows(Fleet& fleet, std::chrono::milliseconds patience) {
  FlowsNow now;
  v1::ToDataplane question;
  question.mutable_query()->mutable_table()->set_table("flow-counts");
  std::vector<std::shared_ptr<Conversation>> asked;
  for (const v1::NodeStatus& node : fleet.status(false)) {
    if (!node.connected()) continue;
    if (auto conversation = fleet.ask(node.node(), question))
      asked.push_back(*std::move(conversation));
    else
      now.silent.push_back(node.node());
  }
  const auto deadline = steady_clock::now() + patience;
  for (const auto& conversation : asked) {
    if (!take(*conversation, deadline, now.counts)) now.silent.push_back(conversation->node());
    fleet.stop(conversation);
  }
  return now;
}

}  // namespace sluice::control
