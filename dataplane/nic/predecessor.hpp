/// What a process that was killed leaves behind on a port's interface for a moment.
#pragma once

#include "dataplane/nic/port_modes.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::nic {

/// Returns when nobody else holds the TAP interface, or the AF_XDP sockets of queues 0..`queues`-1;
/// waits for a holder at most `limit`. DPDK's drivers fail without a reason in that case, and must
/// not be asked twice: what a failed attempt to open a queue took from the pool of buffers is lost.
/// Error: they are still held.
[[nodiscard]] Result<void> outwait_predecessor(const PortSpec& spec, unsigned queues,
                                               Nanoseconds limit);

}  // namespace sluice::nic
