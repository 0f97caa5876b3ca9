/// Randomness from the kernel, for secrets drawn once at start.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/runtime/result.hpp"

namespace sluice {

/// Fills `bytes` from the kernel's generator; waits until it is seeded.
[[nodiscard]] Result<void> fill_random(std::span<std::uint8_t> bytes);

}  // namespace sluice
