/// DPDK's environment, started once a process.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/nic/machine.hpp"
#include "dataplane/nic/port_modes.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::nic {

struct EalOptions {
  std::string file_prefix = "sluice";  ///< names the instance in EAL's runtime folder
  unsigned control_core = 0;           ///< the calling thread is pinned to it
  HugePages huge_pages = HugePages::automatic;
  unsigned megabytes = 512;  ///< memory without huge pages
  unsigned buffers = 32768;  ///< packet buffers that the ports will share
  bool verbose = false;      ///< let DPDK log what it does
};

/// EAL, up for as long as it lives. One a process, and once: DPDK cannot be started again after it
/// was cleaned up. Ports are closed before it.
class Eal {
 public:
  /// Checks what the ports' modes need of the machine (huge pages, permission, devices) before
  /// DPDK is asked, so that each error says what to do.
  [[nodiscard]] static Result<Eal> start(const EalOptions& options,
                                         std::span<const PortSpec> ports);
  Eal(Eal&& other) noexcept : up_(std::exchange(other.up_, false)), huge_(other.huge_) {}
  Eal& operator=(Eal&&) = delete;
  ~Eal();

  [[nodiscard]] bool huge_pages() const { return huge_; }

 private:
  explicit Eal(bool huge) : huge_(huge) {}
  bool up_ = true;
  bool huge_;
};

/// Makes the calling thread known to EAL for as long as this lives: a worker needs it, or buffers
/// come from the shared ring of the pool instead of the thread's own cache.
class EalThread {
 public:
  [[nodiscard]] static Result<EalThread> enter();
  EalThread(EalThread&& other) noexcept : entered_(std::exchange(other.entered_, false)) {}
  EalThread& operator=(EalThread&&) = delete;
  ~EalThread();

 private:
  EalThread() = default;
  bool entered_ = true;
};

}  // namespace sluice::nic
