/// Domain names in wire form (RFC 1035 section 3.1): labels with their length octets and the root
/// label, uncompressed. For building; the query path walks packet bytes itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/runtime/result.hpp"

namespace sluice::dns {

inline constexpr std::size_t kNameMax = 255;  ///< octets of a name, the root label included
inline constexpr std::size_t kLabelMax = 63;

/// A name as a zone file writes it (RFC 1035 section 5.1: `\.` and `\DDD` escapes). A name without
/// a final dot is relative to `origin` (wire form). "@" is the origin. Error: why it is no name.
[[nodiscard]] Result<std::string> name_from_text(std::string_view text, std::string_view origin);

/// The name with its final dot, everything unusual escaped: fit for logs and metric labels.
[[nodiscard]] std::string text_of(std::string_view name);

/// ASCII letters lowered, all else untouched (RFC 4343). Length octets are below 'A', so the whole
/// wire form may be lowered at once.
[[nodiscard]] std::string lowered(std::string_view name);

/// The name without its first label; of the root, the root.
[[nodiscard]] inline std::string_view parent_of(std::string_view name) {
  return name.size() <= 1 ? name : name.substr(1 + static_cast<std::uint8_t>(name[0]));
}

/// Whether `name` is `ancestor` or below it. Both lowered.
[[nodiscard]] bool is_at_or_below(std::string_view name, std::string_view ancestor);

/// Size of the uncompressed name that `bytes` begins with, or 0 if there is no whole one.
[[nodiscard]] std::size_t name_size(std::string_view bytes);

}  // namespace sluice::dns
