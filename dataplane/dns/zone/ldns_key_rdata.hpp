/// CERT and IPSECKEY, read field by field: ldns 1.8 as a whole leaks memory on some wrong ones, and
/// a server that reads its zones again and again must not.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dataplane/runtime/result.hpp"

namespace sluice::dns {

/// Wire form of `type key-tag algorithm certificate` (RFC 4398 section 2.2).
[[nodiscard]] Result<std::string> read_cert(std::span<const std::string_view> tokens);

/// Wire form of `precedence gateway-type algorithm gateway [key]` (RFC 4025 section 3.1); a
/// relative gateway is completed by `origin` (wire form).
[[nodiscard]] Result<std::string> read_ipseckey(std::span<const std::string_view> tokens,
                                                std::string_view origin);

}  // namespace sluice::dns
