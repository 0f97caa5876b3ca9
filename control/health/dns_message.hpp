/// A DNS query, and whether a reply passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/health/outcome.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::health {

/// The bytes of a query (RFC 1035 section 4.1) with recursion desired. The name is a domain name.
[[nodiscard]] std::string dns_query(const v1::DnsCheck& check, std::uint16_t id);

/// What the reply to that query says; nothing if it is none: other id, other question, or no reply
/// at all. Any bytes may come.
[[nodiscard]] std::optional<Outcome> judge_dns(const v1::DnsCheck& check, std::string_view query,
                                               std::string_view reply);

}  // namespace sluice::health
