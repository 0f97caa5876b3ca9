#include "dataplane/agent/applier.hpp"

#include <algorithm>
#include <set>

#include "dataplane/balancer/service_table.hpp"

namespace sluice::agent {
namespace {

/// Services whose tables are built before what is ready goes into force.
constexpr std::size_t kServicesAtOnce = 8;

}  // namespace

std::vector<v1::Problem> Applier::apply(const v1::Snapshot& snapshot, const model::Places* places) {
  model::Problems problems;
  Sources sources = model::compile_sources(snapshot.state(), facts_, problems, places);
  if (problems.empty()) {
    HealthBook health = health_.kept_for(snapshot.state());
    for (balancer::ServiceSource& service : sources.balancer.services) health.mark(service);
    DrainBook drains = drains_.next(sources.balancer, clock_.now());
    if (auto compiled = compile(sources, snapshot.revision(), slots_, publisher_.live().get())) {
      publisher_.publish(*std::move(compiled));
      follow_(sources);
      drains_ = std::move(drains);
      keep(std::move(health), std::move(sources.balancer));
      return {};
    } else {
      for (const Error& error : compiled.error()) problems.add(model::problem_of(error));
    }
  }
  if (places != nullptr) problems.locate(*places);
  return problems.list();
}

void Applier::keep(HealthBook health, balancer::Source balancer) {
  health_ = std::move(health);
  balancer_ = std::move(balancer);
  service_index_.clear();
  for (std::size_t i = 0; i < balancer_.services.size(); ++i)
    service_index_.emplace(balancer_.services[i].name, i);
}

std::size_t Applier::set_health(const v1::Health& health) {
  std::size_t changed = 0;
  std::set<std::size_t> concerned;
  for (const v1::BackendHealth& said : health.backends()) {
    if (!health_.note(said)) continue;
    ++changed;
    concerned.insert(service_index_.at(said.service()));
  }
  const std::vector<std::size_t> services(concerned.begin(), concerned.end());
  for (const std::size_t service : services) health_.mark(balancer_.services[service]);
  for (std::size_t first = 0; first < services.size(); first += kServicesAtOnce) {
    const std::size_t count = std::min(kServicesAtOnce, services.size() - first);
    auto next = std::make_shared<Snapshot>(*publisher_.live());
    next->balancer = balancer::with_health(*next->balancer, balancer_,
                                           std::span(services).subspan(first, count));
    publisher_.publish(std::move(next));
  }
  return changed;
}

std::uint64_t Applier::revision() const {
  const auto& live = publisher_.live();
  return live ? live->revision : 0;
}

}  // namespace sluice::agent
