#include "dataplane/start/config.hpp"

#include <set>

#include <fmt/format.h>

#include "control/model/kinds.hpp"
#include "control/model/yaml.hpp"
#include "dataplane/agent/file_steering.hpp"
#include "dataplane/agent/state_file.hpp"

namespace sluice::start {
namespace {

constexpr std::size_t kInterfaceNameMax = 15;  ///< of the kernel; its header collides with AF_XDP

nic::PortMode mode_of(v1::PortMode mode) {
  switch (mode) {
    case v1::PCI:
      return nic::PortMode::pci;
    case v1::AF_XDP:
      return nic::PortMode::af_xdp;
    case v1::AF_PACKET:
      return nic::PortMode::af_packet;
    case v1::TAP:
      return nic::PortMode::tap;
    case v1::MEMIF:
      return nic::PortMode::memif;
    case v1::PCAP:
      return nic::PortMode::pcap;
    case v1::RING:
      return nic::PortMode::ring;
    default:
      return nic::PortMode::null;
  }
}

void check_steering(const v1::DataplaneConfig& config, model::Problems& problems) {
  if (config.control().empty() == config.desired_state().empty()) {
    problems.add("control", "either `control` or `desired_state` is needed, and not both",
                 "name a control daemon (control: unix:/run/sluice/control.sock) or a file of "
                 "documents (desired_state: FILE)");
  }
  if (!config.control().empty() && !config.control().starts_with("unix:") &&
      config.tls().certificate().empty()) {
    problems.add("control", "a control daemon across a network is reached by mutual TLS only",
                 "set tls with certificate, key and authority, or use its unix socket");
  }
  if (!config.tls().certificate().empty() && config.control().empty()) {
    problems.add("tls", "certificates are for a control daemon, and none is named",
                 "remove tls, or set `control`");
  }
}

void check_port(const v1::NodePort& port, const std::string& path, std::set<std::string>& names,
                model::Problems& problems) {
  if (!names.insert(port.name()).second) {
    problems.add(path + ".name", fmt::format("a second port is called '{}'", port.name()),
                 "give each port a name of its own");
  }
  if (port.mode() == v1::PORT_MODE_UNSPECIFIED) {
    problems.add(path + ".mode", "it is not said how the device is driven",
                 "set mode to PCI, AF_XDP, AF_PACKET, TAP, MEMIF, PCAP, RING or NULL");
  }
}

void check_exception(const v1::DataplaneConfig& config, const std::set<std::string>& names,
                     model::Problems& problems) {
  const std::string& tap = config.exception().tap();
  if (tap.size() > kInterfaceNameMax) {
    problems.add("exception.tap", fmt::format("'{}' is too long for an interface", tap),
                 fmt::format("use at most {} characters", kInterfaceNameMax));
  }
  if (!tap.empty() && names.count(tap) != 0) {
    problems.add("exception.tap", fmt::format("a port is called '{}' too", tap),
                 "give the exception path a name of its own");
  }
}

}  // namespace

model::Problems read_config(const std::string& path, v1::DataplaneConfig& config) {
  const auto input = model::open_yaml(path);
  if (!input) {
    model::Problems problems;
    problems.add(model::problem_of(input.error()));
    return problems;
  }
  model::Places places;
  model::Problems problems = model::load_config(*input, config, &places);
  if (problems.empty()) {
    check_config(config, problems);
    problems.locate(places);
  }
  return problems;
}

void check_config(const v1::DataplaneConfig& config, model::Problems& problems) {
  check_steering(config, problems);
  if (config.cores().workers().empty()) {
    problems.add("cores.workers", "there is no worker", "name a core for each: workers: [1, 2]");
  }
  if (config.ports().empty()) {
    problems.add("ports", "there is no port", "name at least one, with its mode and device");
  }
  std::set<std::string> names;
  for (int i = 0; i < config.ports_size(); ++i) {
    const std::string path = fmt::format("ports[{}]", i);
    check_port(config.ports(i), path, names, problems);
    if (config.ports(i).queues() > static_cast<std::uint32_t>(config.cores().workers_size())) {
      problems.add(path + ".queues", "there are more queues than workers to poll them",
                   "name a core for each more worker, or lower queues");
    }
  }
  check_exception(config, names, problems);
}

InitialState read_initial_state(const v1::DataplaneConfig& config) {
  if (!config.desired_state().empty()) {
    agent::FileState file = agent::read_state_file(config.desired_state());
    return {std::move(file.state), std::move(file.problems)};
  }
  const auto saved = agent::StateFile(config.state_folder()).load();
  return {saved && saved->has_value() ? (*saved)->state() : v1::DesiredState(), {}};
}

std::vector<nic::PortSpec> port_specs(const v1::DataplaneConfig& config,
                                      const v1::DesiredState& initial) {
  std::vector<nic::PortSpec> specs;
  for (const v1::NodePort& port : config.ports()) {
    nic::PortSpec spec;
    spec.name = port.name();
    spec.mode = mode_of(port.mode());
    spec.device = port.device();
    spec.queues = static_cast<std::uint16_t>(port.queues());
    spec.queue_size = static_cast<std::uint16_t>(port.queue_size());
    spec.driver_arguments = port.driver_arguments();
    spec.xdp = port.xdp();
    const v1::Document* document = model::find_document(initial, "Port", port.name());
    if (document != nullptr && document->port().mtu() != 0) {
      spec.mtu = static_cast<std::uint16_t>(document->port().mtu());
    }
    specs.push_back(std::move(spec));
  }
  if (!config.exception().tap().empty()) {
    nic::PortSpec host;
    host.name = config.exception().tap();
    host.mode = nic::PortMode::tap;
    host.device = config.exception().tap();
    host.host = true;
    specs.push_back(std::move(host));
  }
  return specs;
}

IdleLimits idle_limits(const v1::DataplaneConfig& config) {
  IdleLimits limits;
  if (config.cores().idle() == v1::POLL) limits.mode = IdleMode::poll;
  return limits;
}

}  // namespace sluice::start
