#include "dataplane/nic/eal.hpp"

#include <cstdio>
#include <set>

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_version.h>

namespace sluice::nic {
namespace {

// Shared objects carry the number of the year whose November release froze their interface.
constexpr int kAbi = RTE_VER_MONTH == 11 ? RTE_VER_YEAR + 1 : RTE_VER_YEAR;

/// A buffer with its headers and its share of caches and descriptor rings, in bytes.
constexpr unsigned kBytesPerBuffer = 2688;
constexpr unsigned kMegabytesBesides = 32;

unsigned megabytes_for(unsigned buffers) {
  return static_cast<unsigned>(std::uint64_t{buffers} * kBytesPerBuffer >> 20) + kMegabytesBesides;
}

/// EAL loads every driver there is unless told which; that takes most of a second. A PCI device
/// does not say which driver it needs, so with one of those all are loaded.
std::vector<std::string> driver_arguments(std::span<const PortSpec> ports) {
  std::set<std::string> libraries{"librte_mempool_ring"};
  std::vector<std::string> arguments;
  for (const PortSpec& port : ports) {
    if (port.mode == PortMode::pci) {
      arguments.insert(
          arguments.end(),
          {"-a", port.device + (port.driver_arguments.empty() ? "" : "," + port.driver_arguments)});
    } else {
      libraries.insert(fmt::format("librte_net_{}", name_of(port.mode)));
    }
  }
  if (!arguments.empty()) return arguments;
  // Virtual addresses: one stretch of memory for all buffers, as AF_XDP needs it.
  arguments.insert(arguments.end(), {"--no-pci", "--iova-mode", "va"});
  for (const std::string& library : libraries)
    arguments.insert(arguments.end(), {"-d", fmt::format("{}.so.{}", library, kAbi)});
  return arguments;
}

std::vector<std::string> arguments_of(const EalOptions& options, std::span<const PortSpec> ports,
                                      bool huge) {
  std::vector<std::string> arguments{
      "sluice",        "--lcores",          fmt::format("0@{}", options.control_core),
      "--file-prefix", options.file_prefix, "--no-telemetry"};
  // Neither form shares anything with another process, so that instances cannot meet.
  if (huge) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.insert(arguments.end(),
                     {"--no-huge", "-m", std::to_string(options.megabytes), "--no-shconf"});
  }
  if (!options.verbose) {
    // The TAP driver calls it an error that a kernel lacks what only its flow rules need. Of the
    // patterns that match a driver loaded later, the first given holds.
    arguments.insert(arguments.end(),
                     {"--log-level", "pmd.net.tap:critical", "--log-level", "*:error"});
  }
  const auto drivers = driver_arguments(ports);
  arguments.insert(arguments.end(), drivers.begin(), drivers.end());
  return arguments;
}

}  // namespace

Result<Eal> Eal::start(const EalOptions& options, std::span<const PortSpec> ports) {
  const Machine machine;
  if (auto ok = check_ports(machine, ports); !ok) return tl::unexpected(ok.error());
  auto huge = choose_huge_pages(machine, options.huge_pages, megabytes_for(options.buffers),
                                options.megabytes);
  if (!huge) return tl::unexpected(huge.error());

  std::vector<std::string> arguments = arguments_of(options, ports, *huge);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size());
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0)
    return fail(fmt::format("DPDK does not start: {}", rte_strerror(rte_errno)), {},
                "set logging.level to debug to see what it says");
  return Eal(*huge);
}

Eal::~Eal() {
  if (up_) rte_eal_cleanup();
}

Result<EalThread> EalThread::enter() {
  if (rte_thread_register() != 0)
    return fail(fmt::format("DPDK does not take another thread: {}", rte_strerror(rte_errno)), {},
                fmt::format("name at most {} workers", RTE_MAX_LCORE - 1));
  return EalThread();
}

EalThread::~EalThread() {
  if (entered_) rte_thread_unregister();
}

}  // namespace sluice::nic
