// What operators write: a state that can be read and printed again, or mistakes each with a line
// and a column. A state without mistakes is validated as `sluice apply` does, down to the data
// plane's compilers.
#include "control/model/validate.hpp"
#include "control/model/yaml.hpp"
#include "control/model/yaml_out.hpp"
#include "sluice/v1/node.pb.h"
#include "tests/fuzz/input.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kTextMax = 4096;

Result<std::string> no_files(const std::string& path) {
  return fail("there is no file " + path);
}

model::LoadedState load(std::string text) {
  return model::load_state({{"a.yaml", "", std::move(text)}}, no_files);
}

/// `column`: also where in its line. Zone files, which are within, tell lines only.
void check_problems(const model::Problems& problems, bool column) {
  for (const v1::Problem& problem : problems.list()) {
    const bool placed =
        problem.file() == "a.yaml" && problem.line() > 0 && (problem.column() > 0 || !column);
    if (!placed) std::fprintf(stderr, "%s\n", model::text_of(problem).c_str());
    require(placed, "a mistake has its place");
    require(!problem.what().empty(), "a mistake is described");
  }
}

void check_round_trip(const v1::DesiredState& state) {
  const std::string printed = model::to_yaml(state);
  const model::LoadedState again = load(printed);
  const bool same =
      again.problems.empty() && again.state.SerializeAsString() == state.SerializeAsString();
  if (!same) std::fprintf(stderr, "printed as:\n%s\n", printed.c_str());
  for (const v1::Problem& problem : again.problems.list())
    std::fprintf(stderr, "%s\n", model::text_of(problem).c_str());
  require(same, "what is printed reads back as the same state");
}

void read_state(const std::string& text) {
  model::LoadedState loaded = load(text);
  check_problems(loaded.problems, true);
  if (!loaded.problems.empty()) return;
  check_round_trip(loaded.state);
  model::Problems problems;
  model::validate(loaded.state, problems, &loaded.places);
  check_problems(problems, false);
}

void read_config(const std::string& text) {
  v1::DataplaneConfig config;
  const model::Problems problems = model::load_config({"a.yaml", "", text}, config);
  for (const v1::Problem& problem : problems.list())
    require(problem.file() == "a.yaml" && !problem.what().empty(), "a mistake names its file");
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  const std::string text(text_of(Input(data, size).take(kTextMax)));
  read_state(text);
  read_config(text);
  return 0;
}
