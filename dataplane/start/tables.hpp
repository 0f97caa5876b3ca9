/// Live tables for operators: `sluice get flows`, flow-counts, connections, neighbours,
/// route-table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/runtime/counters.hpp"
#include "dataplane/start/inquiry.hpp"

namespace sluice::start {

inline constexpr std::uint32_t kRowsDefault = 100;  ///< of a question that names no limit
inline constexpr std::uint32_t kRowsMax = 10'000;   ///< of any

/// The inquiry that answers a query for a table. The workers are asked, as many as there are
/// `counters`, or these are read: they must outlive it. Error: there is no such table, or the limit
/// is too large.
[[nodiscard]] Result<std::unique_ptr<Inquiry>> table_inquiry(
    const v1::TableQuery& query, std::vector<const CounterBlock*> counters);

}  // namespace sluice::start
