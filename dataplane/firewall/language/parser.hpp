/// Reads a whole document: tables with their sets, counters and chains.
#pragma once

#include <string_view>
#include <vector>

#include "dataplane/firewall/language/diagnostics.hpp"
#include "dataplane/firewall/language/syntax.hpp"
#include "dataplane/firewall/source.hpp"

namespace sluice::firewall {

/// The tables of a text. Every mistake is told to `diagnostics`; what could be read is returned.
/// Blocks of the same table are joined, as are those of the same chain.
[[nodiscard]] std::vector<TableDeclaration> parse_rules(std::string_view text,
                                                        const std::vector<PortName>& ports,
                                                        Diagnostics& diagnostics);

}  // namespace sluice::firewall
