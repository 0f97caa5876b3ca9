/// The segment size that a TCP handshake announces (RFC 9293 section 3.7.1).
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

/// Lowers the maximum segment size option of a SYN or SYN-ACK to `most`, its checksum by the
/// difference. Without the option nothing is added: the default of 536 or 1220 bytes fits any
/// tunnel. Anything else is left as it is.
void clamp_segment_size(Packet& packet, std::uint16_t most);

}  // namespace sluice::balancer
