/// A flow as it is written on the command line.
#pragma once

#include <string>
#include <vector>

#include "dataplane/runtime/result.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::cli {

/// `words` are PROTOCOL, SOURCE[:PORT] and DESTINATION[:PORT]: TCP and UDP have ports, others none.
/// Error: which of them is wrong, and why.
[[nodiscard]] Result<v1::WhyQuery> parse_flow(const std::vector<std::string>& words);

/// "syn,ack" as bits of the TCP header. Error: which name is no flag.
[[nodiscard]] Result<std::uint8_t> parse_tcp_flags(const std::string& text);

}  // namespace sluice::cli
