#include "dataplane/nic/machine.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <linux/capability.h>
#include <net/if.h>
#include <unistd.h>

#include "dataplane/runtime/log.hpp"

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

/// A number of capabilities(7) with its name.
struct Capability {
  unsigned number;
  std::string_view name;
};
constexpr Capability kNetAdmin{CAP_NET_ADMIN, "cap_net_admin"};
constexpr Capability kNetRaw{CAP_NET_RAW, "cap_net_raw"};
constexpr Capability kBpf{CAP_BPF, "cap_bpf"};

Result<void> need_capabilities(const Machine& machine, const PortSpec& port,
                               std::initializer_list<Capability> needed) {
  const std::uint64_t held = machine.capabilities();
  for (const Capability& capability : needed) {
    if ((held >> capability.number & 1) != 0) continue;
    // capabilities(7): the older one includes it.
    if (capability.number == CAP_BPF && (held >> CAP_SYS_ADMIN & 1) != 0) continue;
    return fail(fmt::format("mode {} needs the capability {}", name_of(port.mode), capability.name),
                where_of(port), "start as root, or let systemd grant it by AmbientCapabilities=");
  }
  return {};
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

/// The folder that a file is to be made in.
Result<void> need_folder_of(const fs::path& file, const PortSpec& port) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (access(folder.c_str(), W_OK | X_OK) == 0) return {};
  return fail(fmt::format("{} cannot be made: {}", file.string(), std::strerror(errno)),
              where_of(port), fmt::format("make {} for this user to write in", folder.string()));
}

Result<void> need_captures(const PortSpec& port) {
  const auto comma = port.device.find(',');
  const std::string in = port.device.substr(0, comma);
  if (!in.empty() && access(in.c_str(), R_OK) != 0)
    return fail(fmt::format("capture {} cannot be read: {}", in, std::strerror(errno)),
                where_of(port), "give a pcap file");
  if (comma == std::string::npos || comma + 1 == port.device.size()) return {};
  return need_folder_of(port.device.substr(comma + 1), port);
}

Result<void> need_socket_folder(const PortSpec& port) {
  if (port.device.starts_with('@')) return {};  // abstract: no file
  return need_folder_of(port.device, port);
}

Result<void> need_tun(const Machine& machine, const PortSpec& port) {
  if (access((machine.dev / "net/tun").c_str(), R_OK | W_OK) == 0) return {};
  return fail(fmt::format("{} cannot be opened: {}", (machine.dev / "net/tun").string(),
                          std::strerror(errno)),
              where_of(port), "`modprobe tun` brings it; containers need it passed in");
}

Result<void> check_port(const Machine& machine, const PortSpec& port) {
  switch (port.mode) {
    case PortMode::pci:
      return need_pci_device(machine, port);
    case PortMode::af_xdp:
      return need_interface(port).and_then([&] {
        return need_capabilities(machine, port, {kNetAdmin, kNetRaw, kBpf});
      });
    case PortMode::af_packet:
      return need_interface(port).and_then(
          [&] { return need_capabilities(machine, port, {kNetRaw}); });
    case PortMode::tap:
      return need_interface(port)
          .and_then([&] { return need_capabilities(machine, port, {kNetAdmin}); })
          .and_then([&] { return need_tun(machine, port); });
    case PortMode::pcap:
      return need_captures(port);
    case PortMode::memif:
      return need_socket_folder(port);
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

Result<HugePages> parse_huge_pages(const std::string& text) {
  if (text == "auto" || text.empty()) return HugePages::automatic;
  if (text == "yes") return HugePages::yes;
  if (text == "no") return HugePages::no;
  return fail(fmt::format("'{}' is none of auto, yes and no", text), "memory.huge_pages");
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

Result<bool> choose_huge_pages(const Machine& machine, HugePages wanted, unsigned needed,
                               unsigned ordinary) {
  if (wanted != HugePages::no) {
    const auto enough = check_huge_pages(machine, needed);
    if (enough) return true;
    if (wanted == HugePages::yes) return tl::unexpected(enough.error());
    log_warning("without huge pages: ordinary memory is slower",
                {{"reason", enough.error().what}, {"fix", enough.error().fix}});
  }
  if (needed > ordinary)
    return fail(
        fmt::format("the packet buffers need {} MB, but memory.megabytes is {}", needed, ordinary),
        "memory", fmt::format("set megabytes to {}, or lower buffers", needed));
  return false;
}

}  // namespace sluice::nic
