/// Threads pinned to cores.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/runtime/result.hpp"

namespace sluice {

/// Cores that the calling thread may run on, ascending. To be asked before anything pins it.
[[nodiscard]] std::vector<unsigned> allowed_cores();

/// Whether a thread can be pinned to `core`; the error says which cores there are.
[[nodiscard]] Result<void> check_core(unsigned core, const std::vector<unsigned>& allowed);

/// Starts `body` in a thread of its own, named (15 characters are shown) and pinned to `core`. It
/// is pinned before `body` begins; it has all signals blocked, so that they reach the main thread.
[[nodiscard]] Result<std::thread> start_thread(const std::string& name, unsigned core,
                                               std::function<void()> body);

/// Pins the calling thread. Threads that it makes later inherit the core.
[[nodiscard]] Result<void> pin_this_thread(unsigned core);

/// Lets the calling thread's sleeps end within a microsecond instead of the kernel's usual 50.
void use_precise_sleeps();

}  // namespace sluice
