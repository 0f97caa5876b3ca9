/// What is known of a connection: one record for both directions.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/packet/flow_key.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::firewall {

/// Which way a packet goes, seen from the first packet of its connection.
enum class Direction : std::uint8_t { original, reply };

[[nodiscard]] constexpr unsigned index_of(Direction direction) {
  return static_cast<unsigned>(direction);
}
[[nodiscard]] constexpr Direction opposite(Direction direction) {
  return direction == Direction::original ? Direction::reply : Direction::original;
}

/// Where a TCP connection stands (RFC 9293 section 3.3.2, as someone between the ends sees it).
enum class TcpState : std::uint8_t {
  none,          ///< not TCP
  syn_sent,      ///< one SYN
  syn_both,      ///< a SYN from either side: simultaneous open
  syn_received,  ///< SYN and its SYN-ACK
  established,
  half_closed,  ///< one side sent FIN
  closing,      ///< both sides did
  time_wait,    ///< and both were acknowledged
  closed,       ///< by a reset
};

/// One sender of a TCP connection. Sequence numbers are compared modulo 2^32.
struct TcpSide {
  std::uint32_t start = 0;     ///< number of its SYN
  std::uint32_t end = 0;       ///< behind the last octet it sent
  std::uint32_t limit = 0;     ///< how far it may send: what the other side has opened
  std::uint32_t window = 0;    ///< the largest it advertised, scaled
  std::uint32_t last_ack = 0;  ///< the highest acknowledgement it sent
  std::uint32_t fin_end = 0;   ///< behind its FIN
  std::uint8_t scale = 0;      ///< RFC 7323
  bool scale_offered = false;
  bool seen = false;   ///< it has sent something: the numbers hold
  bool acked = false;  ///< last_ack holds
  bool fin = false;
  bool fin_acked = false;
};

/// Two cache lines.
struct alignas(64) Connection {
  FlowKey key;              ///< of the first packet
  Nanoseconds expires = 0;  ///< 0: the record is free
  std::uint64_t hash = 0;
  TcpState tcp = TcpState::none;
  bool replied = false;         ///< a packet of the reply direction was seen
  bool picked_up = false;       ///< first seen in the middle: windows are not known well
  std::array<TcpSide, 2> side;  ///< by Direction of what it sends
};
static_assert(sizeof(Connection) == 128);

/// True for what an overloaded table may forget: no peer has confirmed it, or it is closing.
[[nodiscard]] bool expendable(const Connection& connection);

}  // namespace sluice::firewall
