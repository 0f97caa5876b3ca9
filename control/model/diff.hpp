/// What changes between two states, said the same way by diff, dry runs and history.
#pragma once

#include <string>
#include <vector>

#include "sluice/v1/control.pb.h"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// Changes by kind and name, in the order of `after`, removed documents last. A field that is
/// absent equals its default. Unchanged documents are left out.
[[nodiscard]] std::vector<v1::Change> diff(const v1::DesiredState& before,
                                           const v1::DesiredState& after);

/// "+ Service/web", "~ Service/web" with its lines indented, or "- Service/web".
[[nodiscard]] std::string text_of(const v1::Change& change);

/// `base` with documents of the same kind and name replaced and others added; with `replace_all`,
/// `given` alone, in the order of `base` where names are in both.
[[nodiscard]] v1::DesiredState merge(const v1::DesiredState& base, const v1::DesiredState& given,
                                     bool replace_all);

}  // namespace sluice::model
