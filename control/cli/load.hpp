/// States from the files that a command names.
#pragma once

#include "control/cli/invocation.hpp"
#include "control/model/yaml.hpp"

namespace sluice::cli {

/// Reads the files, `-` being the standard input; false with the reasons printed if one cannot be
/// read. What is wrong in them is left in `loaded.problems`.
[[nodiscard]] bool load(const Invocation& invocation, model::LoadedState& loaded);

/// Reads the files as a whole state; false with everything wrong with it printed.
[[nodiscard]] bool load_whole(const Invocation& invocation, model::LoadedState& loaded);

}  // namespace sluice::cli
