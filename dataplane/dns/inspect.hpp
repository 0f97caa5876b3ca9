/// What operators ask of the name server: nothing here is called for a packet of a port.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/dns/stages.hpp"

namespace sluice::dns {

/// A query of class IN in wire form. Error: `name` is no name (with or without a final dot), or
/// `type` no record type.
[[nodiscard]] Result<std::vector<std::uint8_t>> make_query(std::string_view name,
                                                           std::string_view type);

/// What would be answered, in words: "example.test. SOA: zone example.test, NOERROR".
[[nodiscard]] std::string explain(const ZoneSet& zones, std::span<const std::uint8_t> query);

/// Origin of some zone that is served, "." if there is none.
[[nodiscard]] std::string any_origin(const ZoneSet& zones);

}  // namespace sluice::dns
