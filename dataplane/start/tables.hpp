/// Live tables for operators: `sluice get flows`, connections, neighbours, route-table.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/start/inquiry.hpp"

namespace sluice::start {

inline constexpr std::uint32_t kRowsDefault = 100;  ///< of a question that names no limit
inline constexpr std::uint32_t kRowsMax = 10'000;   ///< of any

/// The inquiry that answers a query for a table; `workers` are asked. Error: there is no such
/// table, or the limit is too large.
[[nodiscard]] Result<std::unique_ptr<Inquiry>> table_inquiry(const v1::TableQuery& query,
                                                             std::uint16_t workers);

}  // namespace sluice::start
