#include "dataplane/start/run.hpp"

#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

#include "dataplane/agent/agent.hpp"
#include "dataplane/agent/file_steering.hpp"
#include "dataplane/nic/eal.hpp"
#include "dataplane/route/table.hpp"
#include "dataplane/runtime/core.hpp"
#include "dataplane/runtime/instance_lock.hpp"
#include "dataplane/runtime/log.hpp"
#include "dataplane/runtime/privileges.hpp"
#include "dataplane/runtime/random.hpp"
#include "dataplane/start/config.hpp"
#include "dataplane/start/events.hpp"
#include "dataplane/start/node.hpp"

namespace sluice::start {
namespace {

constexpr Nanoseconds kTurnInterval = 50 * kMillisecond;  ///< of the control thread

/// Capabilities that are still needed after start-up: to configure interfaces, to fill the maps of
/// the XDP program, to lock memory for the NIC, and to listen on ports such as DNS's.
const std::vector<std::string> kKeptCapabilities = {"cap_net_admin", "cap_bpf", "cap_ipc_lock",
                                                    "cap_net_bind_service"};

Result<void> check_cores(const v1::DataplaneConfig& config) {
  const std::vector<unsigned> allowed = allowed_cores();
  std::vector<unsigned> wanted(config.cores().workers().begin(), config.cores().workers().end());
  wanted.insert(wanted.end(), config.cores().shards().begin(), config.cores().shards().end());
  wanted.push_back(config.cores().control());
  for (const unsigned core : wanted) {
    if (auto checked = check_core(core, allowed); !checked) return checked;
  }
  return {};
}

Result<HashSeed> draw_seed() {
  std::array<std::uint8_t, sizeof(HashSeed)> bytes;
  if (auto filled = fill_random(bytes); !filled) return tl::unexpected(filled.error());
  HashSeed seed;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  return seed;
}

Result<nic::Eal> start_eal(const v1::DataplaneConfig& config,
                           const std::vector<nic::PortSpec>& specs) {
  const auto huge_pages = nic::parse_huge_pages(config.memory().huge_pages());
  if (!huge_pages) return tl::unexpected(huge_pages.error());
  return nic::Eal::start({.file_prefix = fmt::format("sluice-{}", getpid()),
                          .control_core = config.cores().control(),
                          .huge_pages = *huge_pages,
                          .megabytes = config.memory().megabytes(),
                          .buffers = config.memory().buffers(),
                          .verbose = config.logging().level() == "debug"},
                         specs);
}

/// The kernel's side of the exception path, if there is one; its TAP was made with the ports.
Result<std::optional<nic::HostNet>> open_host(const v1::DataplaneConfig& config) {
  if (config.exception().tap().empty()) return std::nullopt;
  auto host = nic::HostNet::open(config.exception().tap(), route::kGatewayMac);
  if (!host) return tl::unexpected(host.error());
  return std::optional<nic::HostNet>(*std::move(host));
}

/// Gives up root where the configuration names a user. The state folder must be theirs.
Result<void> give_up_root(const v1::DataplaneConfig& config) {
  if (config.run_as().empty()) return {};
  const auto identity = find_identity(config.run_as());
  if (!identity) return tl::unexpected(identity.error());
  if (auto dropped = drop_privileges(*identity, kKeptCapabilities); !dropped) return dropped;
  if (access(config.state_folder().c_str(), W_OK) != 0) {
    return fail(fmt::format("'{}' may not write in the state folder", config.run_as()),
                config.state_folder(),
                fmt::format("chown -R {} {}, and let them enter the folders above it",
                            config.run_as(), config.state_folder()));
  }
  return {};
}

std::unique_ptr<agent::Steering> make_steering(const v1::DataplaneConfig& config, Node& node,
                                               const Events& events) {
  if (config.control().empty()) {
    return std::make_unique<agent::FileSteering>(config.desired_state(), node);
  }
  agent::SteeringOptions options;
  options.target = config.control();
  if (!config.tls().certificate().empty()) {
    options.tls = {config.tls().certificate(), config.tls().key(), config.tls().authority()};
  }
  options.jitter_seed = static_cast<std::uint32_t>(getpid());
  options.wake = [&events] { events.wake(); };
  agent::Identity identity{config.node(), SLUICE_VERSION,
                           static_cast<std::uint32_t>(config.cores().workers_size()),
                           static_cast<std::uint64_t>(std::time(nullptr))};
  return std::make_unique<agent::Agent>(std::move(identity), std::move(options),
                                        agent::StateFile(config.state_folder()), node);
}

/// The control thread until a signal ends it.
void serve(const Events& events, Node& node, agent::Steering& steering) {
  MonotonicClock clock;
  for (;;) {
    const Events::Happened happened = events.wait(kTurnInterval);
    if (happened.end) return;
    if (happened.reload) steering.reload();
    const Nanoseconds now = clock.now();
    node.turn(now);
    steering.turn(now);
  }
}

}  // namespace

Result<void> run(const v1::DataplaneConfig& config, const v1::DesiredState& initial) {
  // What is needed, cheapest first: each failure says what to do about it.
  if (auto set = configure_log(config.logging().level(), config.logging().format()); !set) {
    return set;
  }
  const auto lock = InstanceLock::acquire(config.state_folder());
  if (!lock) return tl::unexpected(lock.error());
  if (auto checked = check_cores(config); !checked) return checked;
  const auto seed = draw_seed();
  if (!seed) return tl::unexpected(seed.error());
  const auto events = Events::open();
  if (!events) return tl::unexpected(events.error());

  // The ports, as root; then no longer as root.
  std::vector<nic::PortSpec> specs = port_specs(config, initial);
  const auto eal = start_eal(config, specs);
  if (!eal) return tl::unexpected(eal.error());
  auto ports =
      nic::open_ports(specs, {.workers = static_cast<unsigned>(config.cores().workers_size()),
                              .buffers = config.memory().buffers()});
  if (!ports) return tl::unexpected(ports.error());
  auto host = open_host(config);
  if (!host) return tl::unexpected(host.error());
  Node node(config, *std::move(ports), *std::move(host));
  if (auto given_up = give_up_root(config); !given_up) return given_up;

  // Threads, which inherit what is left of the privileges.
  if (auto started = node.start(initial, *seed); !started) return started;
  const auto steering = make_steering(config, node, *events);
  if (const auto problems = steering->begin(); !problems.empty()) {
    return fail(model::text_of(problems.front()));
  }
  log_info("running", {{"node", config.node()},
                       {"workers", config.cores().workers_size()},
                       {"ports", config.ports_size()}});
  serve(*events, node, *steering);

  // The end, in order: workers finish what has arrived, then ports close.
  log_info("ending");
  node.stop();
  return {};
}

}  // namespace sluice::start
