#include "dataplane/nic/machine.hpp"

#include <charconv>
#include <fstream>

#include <fmt/format.h>
#include <linux/capability.h>
#include <net/if.h>
#include <unistd.h>

namespace sluice::nic {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

unsigned long number_in(const fs::path& file) {
  const std::string line = first_line(file);
  unsigned long value = 0;
  std::from_chars(line.data(), line.data() + line.size(), value);
  return value;
}

std::string where_of(const PortSpec& port) {
  return "port " + port.name;
}

Result<void> need_capability(const Machine& machine, const PortSpec& port, unsigned capability,
                             std::string_view name) {
  if ((machine.capabilities() >> capability & 1) != 0) return {};
  return fail(fmt::format("mode {} needs the capability {}", name_of(port.mode), name),
              where_of(port), "start as root, or let systemd grant it by AmbientCapabilities=");
}

Result<void> need_interface(const PortSpec& port) {
  if (port.device.size() >= IFNAMSIZ)
    return fail(fmt::format("interface name '{}' is too long", port.device), where_of(port),
                fmt::format("use at most {} characters", IFNAMSIZ - 1));
  if (port.mode == PortMode::tap || if_nametoindex(port.device.c_str()) != 0) return {};
  return fail(fmt::format("there is no interface '{}'", port.device), where_of(port),
              "`ip link` lists those of this network namespace");
}

Result<void> need_pci_device(const Machine& machine, const PortSpec& port) {
  const fs::path device = machine.sys / "bus/pci/devices" / port.device;
  std::error_code error;
  if (!fs::exists(device, error))
    return fail(fmt::format("there is no PCI device {}", port.device), where_of(port),
                "`dpdk-devbind.py --status` lists them; give the whole address, 0000:3b:00.0");
  const std::string driver = fs::read_symlink(device / "driver", error).filename();
  for (const char* usable : {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core"})
    if (driver == usable) return {};
  return fail(fmt::format("PCI device {} is driven by {}", port.device,
                          driver.empty() ? "nothing" : driver),
              where_of(port),
              fmt::format("`dpdk-devbind.py --bind=vfio-pci {}` gives it to DPDK", port.device));
}

Result<void> need_capture(const PortSpec& port) {
  const std::string in = port.device.substr(0, port.device.find(','));
  if (in.empty() || access(in.c_str(), R_OK) == 0) return {};
  return fail(fmt::format("capture {} cannot be read", in), where_of(port), "give a pcap file");
}

Result<void> check_port(const Machine& machine, const PortSpec& port) {
  const auto kernel = [&](unsigned capability, std::string_view name) -> Result<void> {
    if (auto ok = need_interface(port); !ok) return ok;
    return need_capability(machine, port, capability, name);
  };
  switch (port.mode) {
    case PortMode::pci:
      return need_pci_device(machine, port);
    case PortMode::af_xdp:
      return kernel(CAP_NET_ADMIN, "cap_net_admin");
    case PortMode::af_packet:
      return kernel(CAP_NET_RAW, "cap_net_raw");
    case PortMode::tap:
      return kernel(CAP_NET_ADMIN, "cap_net_admin");
    case PortMode::pcap:
      return need_capture(port);
    case PortMode::memif:
    case PortMode::ring:
    case PortMode::null:
      return {};
  }
  return {};
}

}  // namespace

unsigned Machine::free_huge_megabytes() const {
  std::uint64_t kilobytes = 0;
  std::error_code error;
  for (const auto& size : fs::directory_iterator(sys / "kernel/mm/hugepages", error)) {
    const std::string name = size.path().filename();  // hugepages-2048kB
    std::uint64_t each = 0;
    const auto digits = name.find_first_of("0123456789");
    if (digits == std::string::npos) continue;
    std::from_chars(name.data() + digits, name.data() + name.size(), each);
    kilobytes += each * number_in(size.path() / "free_hugepages");
  }
  return static_cast<unsigned>(kilobytes / 1024);
}

std::uint64_t Machine::capabilities() const {
  std::ifstream in(proc / "self/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("CapEff:")) continue;
    std::uint64_t bits = 0;
    const auto digits = line.find_first_not_of(" \t", 7);
    if (digits == std::string::npos) return 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), bits, 16);
    return bits;
  }
  return 0;
}

Result<void> check_ports(const Machine& machine, std::span<const PortSpec> ports) {
  for (const PortSpec& port : ports)
    if (auto ok = check_port(machine, port); !ok) return ok;
  return {};
}

Result<void> check_huge_pages(const Machine& machine, unsigned megabytes) {
  const unsigned free = machine.free_huge_megabytes();
  if (free >= megabytes) return {};
  return fail(fmt::format("{} MB of huge pages are free, but {} are needed", free, megabytes),
              "memory.huge_pages",
              fmt::format("`sysctl vm.nr_hugepages={}` reserves them, or set huge_pages to no",
                          (megabytes - free) / 2 + 64));
}

}  // namespace sluice::nic
