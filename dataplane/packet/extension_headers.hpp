/// The chain of IPv6 extension headers (RFC 8200 section 4).
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/verdict.hpp"

namespace sluice {

/// Where the chain ends and what it said.
struct ExtensionChain {
  DropReason reason = DropReason::none;
  std::uint8_t protocol = 0;  ///< of what follows the chain
  std::uint16_t size = 0;     ///< bytes of the chain
  bool fragment = false;      ///< a real one; an atomic fragment (RFC 6946) is not
  bool more_fragments = false;
  bool rerouted =
      false;  ///< routing header with segments left: the destination is not the last one
  std::uint32_t fragment_offset = 0;  ///< bytes
};

/// Walks the chain at the start of `after_header` (all of the packet after its 40 bytes); `first`
/// is the Next Header field of the IPv6 header. Stops at the first header that is no extension, at
/// ESP, at "no next header", or behind the fragment header of a later fragment.
[[nodiscard]] ExtensionChain walk_extension_headers(std::uint8_t first,
                                                    std::span<const std::uint8_t> after_header);

}  // namespace sluice
