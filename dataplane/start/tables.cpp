#include "dataplane/start/tables.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "dataplane/balancer/inspect.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/firewall/inspect.hpp"
#include "dataplane/firewall/tracker.hpp"
#include "dataplane/packet/names.hpp"
#include "dataplane/packet/protocol.hpp"
#include "dataplane/packet/question_table.hpp"
#include "dataplane/route/neighbours.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::start {
namespace {

constexpr int kRowsPerMessage = 256;
constexpr std::uint32_t kAllRows = ~std::uint32_t{0};

using Cells = std::vector<std::string>;

std::string seconds(Nanoseconds time) {
  return std::to_string(time / kSecond);
}

struct Flows {
  struct Row {
    balancer::Flow flow;
    balancer::LocalEnd end;
  };
  static Cells columns() {
    return {"worker",  "protocol", "client", "address",      "service",
            "backend", "to",       "state",  "seconds_left", "from"};
  }
  static std::uint32_t places(const Pipeline& p) { return p.flows().capacity(); }
  static std::uint32_t size(const Pipeline& p) { return p.flows().size(); }
  static bool row(const Pipeline& p, std::uint32_t place, Nanoseconds now, Row& out) {
    const balancer::Flow* flow = p.flows().record(place, balancer::ticks_of(now));
    if (flow == nullptr) return false;
    out.flow = *flow;
    if (flow->local != 0) out.end = p.flows().local(place);
    return true;
  }
  static Cells cells(const Row& row, Nanoseconds now, const Snapshot& live) {
    const balancer::Flow& flow = row.flow;
    const balancer::Backend* backend = live.balancer->backend_by_id(flow.backend_id);
    const auto left = static_cast<std::int32_t>(flow.expires - balancer::ticks_of(now));
    return {
        protocol_name(flow.protocol),
        endpoint(flow.client, flow.client_port, true),
        endpoint(flow.service, flow.service_port, true),
        backend == nullptr ? "" : live.balancer->service_name(backend->service),
        backend == nullptr ? "" : live.balancer->backend_name(live.balancer->index_of(*backend)),
        endpoint(flow.backend, flow.backend_port, flow.direct == 0),
        balancer::name_of(flow.state),
        seconds(static_cast<Nanoseconds>(std::max(left, 0)) * kMillisecond),
        row.end.port == 0 ? "" : endpoint(row.end.address, row.end.port, true)};
  }
};

struct Connections {
  using Row = firewall::Connection;
  static Cells columns() {
    return {"worker", "protocol", "source", "destination", "state", "seconds_left"};
  }
  static std::uint32_t places(const Pipeline& p) { return p.tracker().records(); }
  static std::uint32_t size(const Pipeline& p) { return p.tracker().connections(); }
  static bool row(const Pipeline& p, std::uint32_t place, Nanoseconds now, Row& out) {
    const Row* connection = p.tracker().record(place, now);
    if (connection != nullptr) out = *connection;
    return connection != nullptr;
  }
  static Cells cells(const Row& connection, Nanoseconds now, const Snapshot&) {
    const FlowKey& key = connection.key;
    const bool ports = has_ports(key.protocol);
    return {protocol_name(key.protocol), endpoint(key.source, key.source_port, ports),
            endpoint(key.destination, key.destination_port, ports),
            firewall::state_text(connection),
            seconds(connection.expires - std::min(now, connection.expires))};
  }
};

struct Neighbours {
  using Row = route::Neighbour;
  static Cells columns() { return {"worker", "port", "address", "mac", "state", "waiting"}; }
  static std::uint32_t places(const Pipeline& p) {
    return static_cast<std::uint32_t>(p.neighbours().entries().size());
  }
  static std::uint32_t size(const Pipeline& p) { return p.neighbours().size(); }
  static bool row(const Pipeline& p, std::uint32_t place, Nanoseconds, Row& out) {
    const Row& entry = p.neighbours().entries()[place];
    if (entry.state == route::NeighbourState::free) return false;
    out = entry;
    return true;
  }
  static Cells cells(const Row& entry, Nanoseconds, const Snapshot& live) {
    const bool known = entry.state != route::NeighbourState::incomplete;
    return {port_name(live, entry.port), entry.address.text(), known ? entry.mac.text() : "",
            route::name_of(entry.state), std::to_string(entry.held.count)};
  }
};

/// Collects cells into messages of a bounded size.
class Rows {
 public:
  Rows(Cells columns, std::uint32_t limit) : columns_(std::move(columns)), left_(limit) {}

  void add(Cells cells) {
    if (left_ == 0) return;
    --left_;
    if (results_.empty() || results_.back().rows_size() == kRowsPerMessage) results_.emplace_back();
    v1::TableRow& row = *results_.back().add_rows();
    for (std::string& cell : cells) row.add_cells(std::move(cell));
  }
  std::vector<v1::QueryResult> take(std::uint64_t total) {
    if (results_.empty()) results_.emplace_back();
    for (std::string& column : columns_) results_.front().add_columns(std::move(column));
    results_.front().set_total(total);
    return std::move(results_);
  }

 private:
  Cells columns_;
  std::uint32_t left_;
  std::vector<v1::QueryResult> results_;
};

/// A table of which every worker has its own.
template <class Table>
class WorkersTable final : public Inquiry {
 public:
  WorkersTable(std::uint32_t limit, std::uint16_t workers) : limit_(limit), answers_(workers) {}

  Result<std::vector<WorkerQuestion>> begin(std::shared_ptr<const Snapshot> live) override {
    live_ = std::move(live);
    std::vector<WorkerQuestion> questions;
    for (std::size_t worker = 0; worker < answers_.size(); ++worker)
      questions.push_back(
          {static_cast<std::uint16_t>(worker), std::make_unique<TableQuestion<Table>>(limit_)});
    return questions;
  }
  std::vector<WorkerQuestion> take(WorkerQuestion answer,
                                   std::shared_ptr<const Snapshot>) override {
    answers_[answer.worker] = std::move(answer.question);
    return {};
  }
  std::vector<v1::QueryResult> results() override {
    Rows rows(Table::columns(), limit_);
    std::uint64_t total = 0;
    for (std::size_t worker = 0; worker < answers_.size(); ++worker) {
      const auto& answer = static_cast<const TableQuestion<Table>&>(*answers_[worker]);
      total += answer.total();
      for (const auto& row : answer.rows()) {
        Cells cells = Table::cells(row, answer.time(), *live_);
        cells.insert(cells.begin(), std::to_string(worker));
        rows.add(std::move(cells));
      }
    }
    return rows.take(total);
  }

 private:
  const std::uint32_t limit_;
  std::shared_ptr<const Snapshot> live_;
  std::vector<std::unique_ptr<Question>> answers_;  ///< by worker
};

std::string_view name_of(route::RouteKind kind) {
  switch (kind) {
    case route::RouteKind::gateway:
      return "gateway";
    case route::RouteKind::connected:
      return "connected";
    case route::RouteKind::local:
      return "local";
    case route::RouteKind::blackhole:
      return "blackhole";
    case route::RouteKind::not_routable:
      return "never";
    case route::RouteKind::none:
      break;
  }
  return "none";
}

/// What the snapshot in force tells: no worker need be asked.
class SnapshotInquiry : public Inquiry {
 public:
  Result<std::vector<WorkerQuestion>> begin(std::shared_ptr<const Snapshot> live) override {
    live_ = std::move(live);
    return std::vector<WorkerQuestion>{};
  }
  std::vector<WorkerQuestion> take(WorkerQuestion, std::shared_ptr<const Snapshot>) override {
    return {};
  }

 protected:
  explicit SnapshotInquiry(std::uint32_t limit) : limit_(limit) {}

  const std::uint32_t limit_;  ///< of rows
  std::shared_ptr<const Snapshot> live_;
};

class RouteTable final : public SnapshotInquiry {
 public:
  explicit RouteTable(std::uint32_t limit) : SnapshotInquiry(limit) {}

  std::vector<v1::QueryResult> results() override {
    Rows rows({"prefix", "kind", "via", "port", "mac", "ours"}, limit_);
    const route::Table& table = *live_->route;
    for (const route::TableEntry& entry : table.entries()) {
      const route::NextHop& hop = table.next_hop(entry.next_hop);
      const bool gateway = hop.kind == route::RouteKind::gateway;
      rows.add({entry.prefix.text(), std::string(name_of(hop.kind)),
                gateway ? hop.gateway.text() : "", port_name(*live_, hop.port),
                hop.has_mac ? hop.link.to.text() : "", kinds_name(hop.kinds)});
    }
    return rows.take(table.entries().size());
  }
};

/// The flows at each backend, by the workers' counters: no table is walked.
class FlowCounts final : public SnapshotInquiry {
 public:
  FlowCounts(std::uint32_t limit, std::vector<const CounterBlock*> counters)
      : SnapshotInquiry(limit), counters_(std::move(counters)) {}

  std::vector<v1::QueryResult> results() override {
    Rows rows({"service", "backend", "flows"}, limit_);
    const balancer::ServiceTable& services = *live_->balancer;
    for (const balancer::Backend& backend : services.backends()) {
      std::uint64_t flows = 0;
      for (const CounterBlock* of_worker : counters_) flows += flows_at(*of_worker, backend);
      rows.add({services.service_name(backend.service),
                services.backend_name(services.index_of(backend)), std::to_string(flows)});
    }
    return rows.take(services.backends().size());
  }

 private:
  const std::vector<const CounterBlock*> counters_;
};

}  // namespace

Result<std::unique_ptr<Inquiry>> table_inquiry(const v1::TableQuery& query,
                                               std::vector<const CounterBlock*> counters) {
  const auto workers = static_cast<std::uint16_t>(counters.size());
  const std::uint32_t limit = query.limit() == 0 ? kRowsDefault : query.limit();
  if (limit > kRowsMax)
    return fail(fmt::format("{} rows are too many", limit), "limit",
                fmt::format("ask for {} at most", kRowsMax));
  if (query.table() == "flows") return std::make_unique<WorkersTable<Flows>>(limit, workers);
  if (query.table() == "connections")
    return std::make_unique<WorkersTable<Connections>>(limit, workers);
  if (query.table() == "neighbours")
    return std::make_unique<WorkersTable<Neighbours>>(limit, workers);
  if (query.table() == "flow-counts")
    return std::make_unique<FlowCounts>(query.limit() == 0 ? kAllRows : limit, std::move(counters));
  if (query.table() == "routes") return std::make_unique<RouteTable>(limit);
  return fail("there is no table '" + query.table() + "'", "table",
              "use flows, flow-counts, connections, neighbours or routes");
}

}  // namespace sluice::start
