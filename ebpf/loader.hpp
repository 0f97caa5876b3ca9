/// Sluice's XDP program on a kernel interface: steers frames to AF_XDP sockets and drops what comes
/// from listed sources before they cost a poll core anything.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "dataplane/packet/address.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::ebpf {

enum class XdpMode {
  native,  ///< in the driver
  generic  ///< in the kernel's stack: any driver, at its price
};

struct EarlyDrops {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

/// The program, attached for as long as this lives; the kernel takes it off when the process ends,
/// however it ends. Needs cap_net_admin and cap_bpf. For one thread at a time.
class Steering {
 public:
  /// Puts the program on `interface`, before the sockets are made: libxdp registers each socket
  /// with it. Where native mode is not possible, generic mode is used (see mode()). `prefixes_max`
  /// limits each family of the early-drop list. Waits a little for the program of a killed process
  /// to leave. Error: no permission, or another program is there.
  [[nodiscard]] static Result<Steering> attach(const std::string& interface, XdpMode wanted,
                                               std::uint32_t prefixes_max = 65536);
  Steering(Steering&&) noexcept;
  Steering& operator=(Steering&&) noexcept;
  ~Steering();

  [[nodiscard]] XdpMode mode() const;
  /// Why native mode was not possible, if it was wanted; else empty.
  [[nodiscard]] const std::string& native_refusal() const;

  /// Makes `sources` the list, changing only what differs. Host bits are ignored. Error: more than
  /// prefixes_max of a family; then the list stays as it was.
  [[nodiscard]] Result<void> set_early_drop(std::span<const Prefix> sources);
  /// What the list has dropped since the program was attached.
  [[nodiscard]] EarlyDrops early_drops() const;

 private:
  struct Program;
  explicit Steering(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace sluice::ebpf
