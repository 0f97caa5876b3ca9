#include "control/model/preview.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "control/model/compile.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "dataplane/balancer/schedule/disruption.hpp"

namespace sluice::model {
namespace {

const v1::Document* service_named(const v1::DesiredState& state, const std::string& name) {
  for (const v1::Document& document : state.documents())
    if (document.has_service() && document.name() == name) return &document;
  return nullptr;
}

bool is_of_old_service(const v1::Change& change) {
  return change.kind() == "Service" && change.what() != v1::Change::ADDED;
}

/// The service as the balancer compiles it, with who lives.
balancer::ServiceSource source_of(const v1::Document& document, const Unhealthy& unhealthy) {
  v1::DesiredState alone;
  *alone.add_documents() = document;
  Problems ignored;  // the state is valid
  Sources sources = compile_sources(alone, {}, ignored);
  balancer::ServiceSource source = std::move(sources.balancer.services.at(0));
  for (balancer::BackendSource& backend : source.backends)
    for (const IpAddress& address : backend.addresses)
      if (unhealthy.count({source.name, backend.name, address.text()}) != 0)
        backend.alive[address.is_v4() ? 0 : 1] = false;
  return source;
}

/// The other schedulers bind no new flow to a backend.
bool has_table(const balancer::ServiceSource& service) {
  return service.scheduler == balancer::Scheduler::maglev ||
         service.scheduler == balancer::Scheduler::source_hash;
}

bool serves(const balancer::ServiceSource& service, bool v4) {
  return std::any_of(service.addresses.begin(), service.addresses.end(),
                     [&](const IpAddress& address) { return address.is_v4() == v4; });
}

/// What a flow's packets are sent to: it ends where that is another.
bool leads_on(const balancer::ServiceSource& before, const balancer::BackendSource& from,
              const balancer::ServiceSource& after, const balancer::BackendSource& to) {
  const auto port = [](const auto& service, const auto& backend) {
    return backend.port == 0 ? service.port : backend.port;
  };
  const bool out_of_tunnel = is_tunnel(before.mode) && replies_pass(after.mode);
  return !out_of_tunnel && port(before, from) == port(after, to) &&
         std::is_permutation(from.addresses.begin(), from.addresses.end(), to.addresses.begin(),
                             to.addresses.end());
}

const balancer::BackendSource* successor(const balancer::ServiceSource& before,
                                         const balancer::BackendSource& backend,
                                         const balancer::ServiceSource* after) {
  if (after == nullptr) return nullptr;
  for (const balancer::BackendSource& other : after->backends)
    if (other.name == backend.name && leads_on(before, backend, *after, other)) return &other;
  return nullptr;
}

}  // namespace

void add_tables(const v1::Document& had, const v1::Document& has, const Unhealthy& unhealthy,
                v1::ServicePreview& preview) {
  const balancer::ServiceSource before = source_of(had, unhealthy);
  const balancer::ServiceSource after = source_of(has, unhealthy);
  if (!has_table(before) || !has_table(after)) return;
  // Another hash leads everybody elsewhere, as far as there is an elsewhere.
  const bool rehashed = before.scheduler != after.scheduler;
  for (unsigned family = 0; family < 2; ++family) {
    const bool v4 = family == 0;
    if (!serves(before, v4) || !serves(after, v4)) continue;
    const balancer::Disruption one = balancer::disruption(before, after, family);
    v1::TableMove& move = *preview.add_tables();
    move.set_family(v4 ? 4 : 6);
    move.set_slots(after.table_size);
    move.set_moved(rehashed ? 100 : 100 * one.moved);
    move.set_least(rehashed ? 100 : 100 * one.least);
  }
}

double most_moved(const v1::ServicePreview& preview) {
  double most = 0;
  for (const v1::TableMove& table : preview.tables()) most = std::max(most, table.moved());
  return most;
}

void add_previews(const v1::DesiredState& before, const v1::DesiredState& after,
                  const Unhealthy& unhealthy, std::vector<v1::Change>& changes) {
  for (v1::Change& change : changes) {
    if (!is_of_old_service(change)) continue;
    v1::ServicePreview& preview = *change.mutable_preview();
    const v1::Document* had = service_named(before, change.name());
    const v1::Document* has = service_named(after, change.name());
    if (has != nullptr) add_tables(*had, *has, unhealthy, preview);
    if (has != nullptr) preview.set_drain_timeout(has->service().drain_timeout());
  }
}

void add_flows(const v1::DesiredState& before, const v1::DesiredState& after,
               const FlowCounts& counts, v1::Change& change) {
  if (!change.has_preview()) return;
  const balancer::ServiceSource had = source_of(*service_named(before, change.name()), {});
  const v1::Document* document = service_named(after, change.name());
  std::optional<balancer::ServiceSource> has;
  if (document != nullptr) has = source_of(*document, {});
  std::uint64_t all = 0, ended = 0, moved = 0, draining = 0;
  for (const balancer::BackendSource& backend : had.backends) {
    const auto found = counts.find({had.name, backend.name});
    const std::uint64_t flows = found == counts.end() ? 0 : found->second;
    const balancer::BackendSource* next = successor(had, backend, has ? &*has : nullptr);
    all += flows;
    if (next != nullptr)
      draining += next->weight == 0 ? flows : 0;
    else
      (has && had.protocol == ip_protocol::kUdp ? moved : ended) += flows;
  }
  v1::ServicePreview& preview = *change.mutable_preview();
  preview.set_flows(all);
  preview.set_flows_ended(ended);
  preview.set_flows_moved(moved);
  preview.set_flows_draining(draining);
}

bool is_guarded(const v1::DesiredState& state, const std::vector<v1::Change>& changes) {
  return std::any_of(changes.begin(), changes.end(), [&](const v1::Change& change) {
    const v1::Document* document = service_named(state, change.name());
    return is_of_old_service(change) && document != nullptr &&
           document->service().max_disruption() != 0;
  });
}

void check_disruption(const v1::DesiredState& after, const std::vector<v1::Change>& previewed,
                      Problems& problems) {
  for (const v1::Change& change : previewed) {
    const v1::Document* document = service_named(after, change.name());
    if (!change.has_preview() || document == nullptr) continue;
    const std::uint32_t most = document->service().max_disruption();
    for (const v1::TableMove& table : change.preview().tables()) {
      if (most == 0 || table.moved() <= most) continue;
      problems.add(
          key_of(*document) + ": spec.max_disruption",
          fmt::format(
              "the change would move {:.1f} % of the IPv{} table, more than the {} % allowed",
              table.moved(), table.family(), most),
          fmt::format(
              "make it in steps with `sluice apply --stagger 30s`, which waits that long between "
              "them (with --dry-run it tells the steps); or raise or remove max_disruption in the "
              "same change"));
      break;
    }
  }
}

std::vector<std::string> lines_of(const v1::ServicePreview& preview) {
  std::vector<std::string> lines;
  for (const v1::TableMove& table : preview.tables())
    lines.push_back(fmt::format("IPv{}: {:.1f} % of {} slots move, {:.1f} % at least",
                                table.family(), table.moved(), table.slots(), table.least()));
  std::string flows = fmt::format("flows: {} now, {} end", preview.flows(), preview.flows_ended());
  if (preview.flows_moved() != 0)
    flows += fmt::format(", {} go on at other backends", preview.flows_moved());
  if (preview.flows_draining() != 0)
    flows += fmt::format(", {} are let finish{}", preview.flows_draining(),
                         preview.drain_timeout().empty()
                             ? ""
                             : " for " + preview.drain_timeout() + " and then ended");
  lines.push_back(flows);
  for (const std::string& node : preview.silent_nodes())
    lines.push_back("flows of " + node + " are not counted: it does not answer");
  return lines;
}

}  // namespace sluice::model
