/// Which seeds a simulation test runs: SLUICE_SEED=N one, otherwise `usual`, ten times more in a
/// long run.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace sluice {

template <class Run>
void for_each_seed(std::uint64_t usual, Run&& run) {
  if (const char* one = std::getenv("SLUICE_SEED")) {
    run(std::stoull(one));
    return;
  }
  const std::uint64_t count = std::getenv("SLUICE_TEST_LONG") != nullptr ? 10 * usual : usual;
  for (std::uint64_t seed = 1; seed <= count; ++seed) run(seed);
}

}  // namespace sluice
