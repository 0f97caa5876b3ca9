/// Where domain names stand in rdata. Everything else in rdata is opaque to a name server.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::dns {

/// Names that may be compressed: those of the types of RFC 1035 only (RFC 3597 section 4). They are
/// `count` names after `prefix` octets.
struct CompressibleNames {
  std::uint8_t prefix = 0;
  std::uint8_t count = 0;
};
[[nodiscard]] CompressibleNames compressible_names(std::uint16_t type);

/// The name whose addresses belong into the additional section: NS and MX (RFC 1035 section 3.3),
/// SRV (RFC 2782).
[[nodiscard]] std::optional<std::string_view> additional_target(std::uint16_t type,
                                                                std::string_view rdata);

/// Whether rdata of a type that the name server itself reads has its form. Others always have.
[[nodiscard]] bool well_formed(std::uint16_t type, std::string_view rdata);

}  // namespace sluice::dns
