/// What Sluice asks of a kernel interface that a port is opened on.
#pragma once

#include <string>

#include "dataplane/runtime/result.hpp"

namespace sluice::nic {

/// Receive queues of the interface; 1 if it does not say.
[[nodiscard]] unsigned kernel_queues(const std::string& interface);

/// Sets the number of its receive queues, and of its transmit queues where they are separate.
/// Error: the driver cannot.
[[nodiscard]] Result<void> set_kernel_queues(const std::string& interface, unsigned queues);

/// Whether it is up and has its carrier.
[[nodiscard]] bool kernel_link_up(const std::string& interface);

}  // namespace sluice::nic
