/// What ports need of the machine, looked up before DPDK is asked.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "dataplane/nic/port_modes.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::nic {

/// Whether packet buffers are to be in huge pages.
enum class HugePages { automatic, yes, no };
/// "auto", "yes" or "no".
[[nodiscard]] Result<HugePages> parse_huge_pages(const std::string& text);

/// Where the kernel's view is mounted; tests give folders of their own.
struct Machine {
  std::filesystem::path sys = "/sys";
  std::filesystem::path proc = "/proc";
  std::filesystem::path dev = "/dev";

  /// Free huge pages of all sizes, in megabytes.
  [[nodiscard]] unsigned free_huge_megabytes() const;
  /// Effective capabilities of this process, a bit each (capabilities(7)).
  [[nodiscard]] std::uint64_t capabilities() const;
};

/// Whether the device of each port is there, is driven as its mode needs, and may be used by us.
[[nodiscard]] Result<void> check_ports(const Machine& machine, std::span<const PortSpec> ports);

/// Whether `megabytes` fit into free huge pages. Error: they do not, with the command to run.
[[nodiscard]] Result<void> check_huge_pages(const Machine& machine, unsigned megabytes);

/// Whether to use huge pages for `needed` megabytes, of which `ordinary` may come from ordinary
/// memory. Where they are wanted but missing, "auto" goes without and says so in the log.
[[nodiscard]] Result<bool> choose_huge_pages(const Machine& machine, HugePages wanted,
                                             unsigned needed, unsigned ordinary);

}  // namespace sluice::nic
