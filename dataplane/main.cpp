// sluice-dataplane: what it does from the command line to its end, read top to bottom.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "control/model/problems.hpp"
#include "dataplane/packet/pipeline.hpp"
#include "dataplane/start/config.hpp"
#include "dataplane/start/run.hpp"

namespace {

using namespace sluice;

/// Prints everything that is wrong, a line each.
int refuse(const std::vector<v1::Problem>& problems) {
  for (const v1::Problem& problem : problems) {
    fmt::print(stderr, "{}\n", model::text_of(problem));
  }
  return 1;
}

int refuse(const Error& error) {
  fmt::print(stderr, "{}\n", error.text());
  return 1;
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("The data plane of Sluice: owns the NIC queues of this machine.");
  std::string config_file;
  bool check = false;
  bool print_path = false;
  app.add_option("--config", config_file, "Configuration of this node")->type_name("FILE");
  app.add_flag("--check", check, "Only check the configuration, and the desired state it names");
  app.add_flag("--print-path", print_path, "Print the way of a packet through the stages");
  app.set_version_flag("--version", "sluice-dataplane " SLUICE_VERSION);
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (print_path) {
    fmt::print("{}", describe_path());
    return 0;
  }
  if (config_file.empty()) {
    fmt::print(stderr, "--config FILE is needed; --help says more\n");
    return 2;
  }

  v1::DataplaneConfig config;
  if (const auto problems = start::read_config(config_file, config); !problems.empty()) {
    return refuse(problems.list());
  }
  const auto initial = start::read_initial_state(config);
  if (!initial.problems.empty()) return refuse(initial.problems);
  if (check) return 0;
  if (const auto ran = start::run(config, initial.state); !ran) return refuse(ran.error());
  return 0;
}
