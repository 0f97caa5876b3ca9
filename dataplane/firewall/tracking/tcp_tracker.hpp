/// The TCP part of connection tracking: does a segment fit its connection, and what does it change?
/// Sequence windows after van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001);
/// resets and SYNs within a connection after RFC 5961; states after RFC 9293.
#pragma once

#include "dataplane/firewall/tracking/connection.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::firewall {

enum class TcpVerdict : std::uint8_t {
  fits,     ///< noted; part of the connection
  ignored,  ///< part of the connection, but it changes nothing
  invalid,  ///< fits no state
  reopens,  ///< a SYN after the end of the connection: the start of another one
};

/// The first segment of a connection: fills `connection` and returns true, or false for a segment
/// that starts none. With a SYN the handshake is followed; a plain ACK picks up a connection in its
/// middle.
[[nodiscard]] bool tcp_start(const Packet& packet, Connection& connection);

/// A further segment.
[[nodiscard]] TcpVerdict tcp_continue(const Packet& packet, Direction direction,
                                      Connection& connection);

}  // namespace sluice::firewall
