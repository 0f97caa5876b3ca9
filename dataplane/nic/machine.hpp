/// What ports need of the machine, looked up before DPDK is asked.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "dataplane/nic/port_modes.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::nic {

/// Where the kernel's view is mounted; tests give folders of their own.
struct Machine {
  std::filesystem::path sys = "/sys";
  std::filesystem::path proc = "/proc";

  /// Free huge pages of all sizes, in megabytes.
  [[nodiscard]] unsigned free_huge_megabytes() const;
  /// Effective capabilities of this process, a bit each (capabilities(7)).
  [[nodiscard]] std::uint64_t capabilities() const;
};

/// Whether the device of each port is there, is driven as its mode needs, and may be used by us.
[[nodiscard]] Result<void> check_ports(const Machine& machine, std::span<const PortSpec> ports);

/// Whether `megabytes` fit into free huge pages. Error: they do not, with the command to run.
[[nodiscard]] Result<void> check_huge_pages(const Machine& machine, unsigned megabytes);

}  // namespace sluice::nic
