#include "dataplane/agent/applier.hpp"

namespace sluice::agent {

std::vector<v1::Problem> Applier::apply(const v1::Snapshot& snapshot, const model::Places* places) {
  model::Problems problems;
  const Sources sources = model::compile_sources(snapshot.state(), facts_, problems, places);
  if (problems.empty()) {
    if (auto compiled = compile(sources, snapshot.revision(), slots_)) {
      publisher_.publish(*std::move(compiled));
      follow_(sources);
      return {};
    } else {
      for (const Error& error : compiled.error()) problems.add(model::problem_of(error));
    }
  }
  if (places != nullptr) problems.locate(*places);
  return problems.list();
}

std::uint64_t Applier::revision() const {
  const auto& live = publisher_.live();
  return live ? live->revision : 0;
}

}  // namespace sluice::agent
