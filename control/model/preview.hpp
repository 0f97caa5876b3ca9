/// What a change would do to the traffic of services: how much of their tables and how many of
/// their flows it moves or ends.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "control/model/problems.hpp"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// Backends that health checks keep from new flows: service, backend, address. Others live.
using Unhealthy = std::set<std::tuple<std::string, std::string, std::string>>;
/// Flows that there are, by service and backend.
using FlowCounts = std::map<std::pair<std::string, std::string>, std::uint64_t>;

/// What becomes of the tables if a service becomes another; adds none where a scheduler has none.
void add_tables(const v1::Document& before, const v1::Document& after, const Unhealthy& unhealthy,
                v1::ServicePreview& preview);
/// The percent that the table moves which moves most; 0 without any.
[[nodiscard]] double most_moved(const v1::ServicePreview& preview);

/// A preview for each of the changes (as diff() gave them) that is of a service which was there
/// before: tables alone. Both states are valid.
void add_previews(const v1::DesiredState& before, const v1::DesiredState& after,
                  const Unhealthy& unhealthy, std::vector<v1::Change>& changes);
/// Adds to the previews what becomes of flows.
void add_flows(const v1::DesiredState& before, const v1::DesiredState& after,
               const FlowCounts& counts, v1::Change& change);

/// A problem for each service of which a change moves more than its max_disruption allows.
void check_disruption(const v1::DesiredState& after, const std::vector<v1::Change>& previewed,
                      Problems& problems);
/// Whether check_disruption() could find something.
[[nodiscard]] bool is_guarded(const v1::DesiredState& state,
                              const std::vector<v1::Change>& changes);

/// "IPv4: 34.1 % of 65537 slots move, 33.3 % at least", and what becomes of flows; a line each.
[[nodiscard]] std::vector<std::string> lines_of(const v1::ServicePreview& preview);

}  // namespace sluice::model
