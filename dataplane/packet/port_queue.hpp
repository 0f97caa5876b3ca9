/// The seam between the pipeline and whatever moves frames: DPDK in production, memory in tests and
/// replay. A virtual call a burst, never a packet.
#pragma once

#include <span>

#include "dataplane/packet/context.hpp"

namespace sluice {

/// One receive and one transmit queue of a port, used by one worker's thread only.
class PortQueue {
 public:
  virtual ~PortQueue() = default;

  /// Fills packets with what has arrived and returns how many. Sets data, owner, length, room,
  /// headroom, in_port and flags (0, or kL4ChecksumGood and kFromHost as they apply) of each; the
  /// rest may hold what an earlier packet left, since parse sets it anew.
  [[nodiscard]] virtual unsigned receive(std::span<Packet> packets) = 0;
  /// Sends from the front; returns how many were taken. The rest still belongs to the caller.
  [[nodiscard]] virtual unsigned send(std::span<Packet* const> packets) = 0;
  /// Gives buffers back unsent; they may come from any queue of the process.
  virtual void release(std::span<Packet* const> packets) = 0;
};

}  // namespace sluice
