/// Resets made of the segment that they are about (RFC 9293 section 3.10.7).
#pragma once

#include "dataplane/packet/context.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice {

/// Turns a whole TCP segment into the reset that answers it. The Ethernet header is the caller's.
void answer_with_reset(Packet& segment);

/// Turns a whole TCP segment into a reset of the same direction: who it was for takes it as the end
/// of the connection if it takes the segment as the next one.
void become_reset(Packet& segment);

/// Sends the reset that answers `segment` back the way that came, from a buffer of the pool. False:
/// there is none left.
bool reset_sender(Context& context, const Packet& segment);

}  // namespace sluice
