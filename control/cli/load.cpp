#include "control/cli/load.hpp"

#include "control/cli/print.hpp"
#include "control/model/validate.hpp"

namespace sluice::cli {

bool load(const Invocation& invocation, model::LoadedState& loaded) {
  std::vector<model::YamlInput> inputs;
  for (const std::string& file : invocation.files) {
    auto input = model::open_yaml(file);
    if (!input) {
      failed(input.error());
      return false;
    }
    inputs.push_back(*std::move(input));
  }
  loaded = model::load_state(inputs);
  return true;
}

bool load_whole(const Invocation& invocation, model::LoadedState& loaded) {
  if (!load(invocation, loaded)) return false;
  model::validate(loaded.state, loaded.problems, &loaded.places);
  print_problems(loaded.problems.list(), loaded.problems.not_kept());
  return loaded.problems.empty();
}

}  // namespace sluice::cli
