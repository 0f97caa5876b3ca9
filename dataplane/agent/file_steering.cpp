#include "dataplane/agent/file_steering.hpp"

#include "control/model/validate.hpp"
#include "control/model/yaml.hpp"
#include "dataplane/runtime/log.hpp"

namespace sluice::agent {

FileState read_state_file(const std::string& path) {
  FileState out;
  const auto input = model::open_yaml(path);
  if (!input) {
    out.problems.push_back(model::problem_of(input.error()));
    return out;
  }
  model::LoadedState loaded = model::load_state({*input});
  out.state = std::move(loaded.state);
  out.places = std::move(loaded.places);
  if (loaded.problems.empty()) model::validate(out.state, loaded.problems, &out.places);
  loaded.problems.locate(out.places);
  out.problems = loaded.problems.list();
  return out;
}

std::vector<v1::Problem> FileSteering::apply() {
  FileState file = read_state_file(path_);
  if (!file.problems.empty()) return file.problems;
  v1::Snapshot snapshot;
  snapshot.set_revision(revision_ + 1);
  *snapshot.mutable_state() = std::move(file.state);
  auto problems = plane_.apply(snapshot, &file.places);
  if (problems.empty()) {
    ++revision_;
    log_info("state applied", {{"file", path_}, {"revision", revision_}});
  }
  return problems;
}

void FileSteering::reload() {
  for (const v1::Problem& problem : apply()) {
    log_error("state not applied, the live one stays", {{"problem", model::text_of(problem)}});
  }
}

}  // namespace sluice::agent
