/// Differences of texts of several lines, as a firewall's rules or a zone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::model {

/// "12: - old line", "12: + new line", numbered in the text the line is of; after `limit` lines one
/// more says how many follow. Empty only for equal texts.
[[nodiscard]] std::vector<std::string> diff_lines(std::string_view before, std::string_view after,
                                                  std::size_t limit = 40);

}  // namespace sluice::model
