/// Changing what a TCP segment carries, in its own buffer.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

/// Puts `front` before the payload of a TCP packet (kL4, no fragment) and cuts what it carried
/// before to `keep` bytes, the FIN with what is cut. Lengths and checksums follow (RFC 1624).
/// False: the buffer is too small, and nothing is changed.
[[nodiscard]] bool replace_payload(Packet& p, std::span<const std::uint8_t> front, unsigned keep);

}  // namespace sluice::balancer
