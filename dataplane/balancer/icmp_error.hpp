/// ICMP errors about balanced flows: what they quote, and its translation in either direction.
#pragma once

#include <optional>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/rewrite.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

/// The beginning of the packet that an ICMP error is about.
struct Quote {
  FlowKey key;      ///< of the quoted packet, as it was sent
  Headers headers;  ///< inside the error's own buffer
};

/// The TCP or UDP packet that begins at `ip`, with at least 8 bytes behind its IP headers and not a
/// later fragment; `available` bytes are there, of a family (4 or 6).
[[nodiscard]] std::optional<Quote> quote_at(std::uint8_t* ip, unsigned available,
                                            std::uint8_t ip_version);

/// The TCP or UDP packet that an ICMP error quotes. Nothing if the error is a fragment, quotes less
/// than headers and 8 bytes, quotes a later fragment, another protocol or another error, or was not
/// sent to the source of what it quotes.
[[nodiscard]] std::optional<Quote> quote_of(Packet& error);

/// The error is about a packet that was translated to the backend: the client shall see the
/// service's address quoted, and as the sender if the backend itself complains.
void restore_error(Packet& error, const Quote& quote, const IpAddress& service, std::uint16_t port);
/// The error is about a reply: the backend shall see its own address quoted, and get the error.
void translate_error(Packet& error, const Quote& quote, const IpAddress& backend,
                     std::uint16_t port);

/// The same about packets of a flow that has a local end.
void restore_error(Packet& error, const Quote& quote, const Flow& flow, const LocalEnd& end);
/// The backend knows none of the routers between here and the client: the error comes from the
/// local end, where that is not the client's own address.
void translate_error(Packet& error, const Quote& quote, const Flow& flow, const LocalEnd& end);

}  // namespace sluice::balancer
