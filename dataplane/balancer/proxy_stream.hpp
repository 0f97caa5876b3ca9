/// A PROXY header in front of what the client sends, without an end of our own in the connection.
///
/// The header rides in packets of the client, so that nothing has to be kept, timed or sent again
/// here: first in the ACK that completes the handshake, which becomes a segment with the header as
/// data. If that is lost, the backend has no connection yet, sends its SYN-ACK again, and the
/// client its ACK, which carries the header again; so backends that speak first are served too. If
/// the backend had the client's data before it, the client hears nothing acknowledged and sends its
/// first byte again, with the header before it. Where both are more than a segment, the end of the
/// client's data is cut off, which it sends again as any byte that is not acknowledged.
///
/// From then on the client's numbers are higher by the header's size towards the backend, and the
/// backend's acknowledgements (also SACK, RFC 2018, and those that ICMP errors quote) lower by it
/// towards the client. Data in a SYN would stand before the header: Fast Open (RFC 7413) and
/// Multipath TCP (RFC 8684), which numbers the data in options, are not negotiated.
#pragma once

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

/// A flow of a service with PROXY headers begins with this SYN.
void begin_proxy(const Packet& syn, const Flow& flow, unsigned version, LocalEnd& end);
/// A packet of the client, before its addresses change. False: the header has no room in the
/// packet's buffer, and may not be left out.
[[nodiscard]] bool proxy_to_backend(Packet& p, const Flow& flow, LocalEnd& end);
/// A packet of the backend.
void proxy_to_client(Packet& p, LocalEnd& end);

/// The client's sequence number as the backend knows it, of a flow's later packets, and back.
[[nodiscard]] std::uint32_t backend_number(std::uint32_t client, const LocalEnd& end);
[[nodiscard]] std::uint32_t client_number(std::uint32_t backend, const LocalEnd& end);

}  // namespace sluice::balancer
