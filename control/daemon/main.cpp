// sluice-control: keeps the desired state, steers the data planes by it, serves operators.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <grpcpp/impl/service_type.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/daemon/control_service.hpp"
#include "control/daemon/fleet.hpp"
#include "control/daemon/keeper.hpp"
#include "control/daemon/metrics.hpp"
#include "control/daemon/server.hpp"
#include "control/daemon/steering_service.hpp"
#include "control/daemon/store.hpp"
#include "control/health/checker.hpp"
#include "control/model/yaml.hpp"
#include "dataplane/runtime/instance_lock.hpp"
#include "dataplane/runtime/log.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace sluice::control {
namespace {

constexpr const char* kHelp = R"(sluice-control --config FILE
  Keeps the desired state, steers data planes by it and serves operators.
  --config FILE  settings; their fields: `sluice explain ControlConfig`
  --version      print the version
  SIGTERM ends in order; SIGHUP reads logging and revisions_max again.
)";
constexpr unsigned kStopSeconds = 2;

/// Prints each problem as a line.
void print(const model::Problems& problems) {
  for (const auto& problem : problems.list()) std::cerr << model::text_of(problem) << '\n';
}

/// The settings, or nothing with the reasons printed.
bool load(const std::string& file, v1::ControlConfig& config) {
  const auto input = model::open_yaml(file);
  if (!input) {
    std::cerr << "sluice-control: " << input.error().text() << '\n';
    return false;
  }
  const model::Problems problems = model::load_config(*input, config);
  print(problems);
  return problems.empty();
}

bool configure_logging(const v1::Logging& logging) {
  const auto done = configure_log(logging.level(), logging.format());
  if (!done) std::cerr << "sluice-control: logging: " << done.error().text() << '\n';
  return done.has_value();
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

/// Reads again what can change while running.
void reload(const std::string& file, Keeper& keeper) {
  v1::ControlConfig config;
  if (!load(file, config) || !configure_logging(config.logging())) {
    log_error("the settings stay as they are", {{"file", file}});
    return;
  }
  keeper.set_revisions_max(config.revisions_max());
  log_info("settings read again", {{"file", file}});
}

/// Until SIGTERM or SIGINT; once a second looks for data planes that have gone silent.
void serve(const std::string& file, Keeper& keeper, Fleet& fleet) {
  const sigset_t signals = handled_signals();
  const timespec second{1, 0};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &second);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) reload(file, keeper);
    fleet.expire();
  }
}

std::uint64_t unix_seconds() {
  return MonotonicClock::unix_time() / kSecond;
}

Result<std::unique_ptr<health::Checker>> start_checker(const v1::ControlConfig& config,
                                                       Fleet& fleet, Clock& clock) {
  health::CheckerOptions options;
  options.at_once = config.health_checks_max();
  options.unix_time = unix_seconds;
  options.decided = [&fleet](const health::Decisions& decisions) {
    fleet.forget_health(decisions.forgotten);
    fleet.tell_health(decisions.changed);
  };
  options.way_is_lossy = [&fleet] { return fleet.drops_to_host(); };
  return health::Checker::start(std::move(options), clock);
}

Result<void> run(const std::string& file, const v1::ControlConfig& config) {
  auto lock = InstanceLock::acquire(config.state_folder());
  if (!lock) return tl::unexpected(lock.error());
  auto store = Store::open(config.state_folder());
  if (!store) return tl::unexpected(store.error());
  MonotonicClock clock;
  Fleet fleet(clock);
  auto checker = start_checker(config, fleet, clock);
  if (!checker) return tl::unexpected(checker.error());
  auto keeper = Keeper::start(*store, fleet, **checker, unix_seconds, config.revisions_max());
  if (!keeper) return tl::unexpected(keeper.error());

  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(make_control_service(**keeper, fleet, SLUICE_VERSION));
  services.push_back(make_steering_service(fleet));
  auto server = listen(config, std::move(services));
  if (!server) return tl::unexpected(server.error());
  auto metrics = serve_metrics(config.metrics(), **keeper, fleet, **checker, SLUICE_VERSION);
  if (!metrics) return tl::unexpected(metrics.error());
  log_info("ready", {{"socket", config.socket()},
                     {"metrics", config.metrics()},
                     {"revision", (*keeper)->current()}});
  serve(file, **keeper, fleet);
  log_info("ending");
  fleet.close_all();
  (*server)->stop(kStopSeconds);
  return {};
}

int main_of(const std::vector<std::string_view>& arguments) {
  if (arguments.size() == 1 && arguments[0] == "--help") {
    std::cout << kHelp;
    return 0;
  }
  if (arguments.size() == 1 && arguments[0] == "--version") {
    std::cout << "sluice-control " << SLUICE_VERSION << '\n';
    return 0;
  }
  if (arguments.size() != 2 || arguments[0] != "--config") {
    std::cerr << "usage: " << kHelp;
    return 2;
  }
  // Threads that start later leave these signals to serve().
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  v1::ControlConfig config;
  if (!load(std::string(arguments[1]), config) || !configure_logging(config.logging())) return 1;
  const auto done = run(std::string(arguments[1]), config);
  if (done) return 0;
  std::cerr << "sluice-control: " << done.error().text() << '\n';
  return 1;
}

}  // namespace
}  // namespace sluice::control

int main(int count, char** values) {
  return sluice::control::main_of({values + 1, values + count});
}
