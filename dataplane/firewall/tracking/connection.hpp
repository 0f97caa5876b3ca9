/// What is known of a connection: one record for both directions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <wmmintrin.h>

#include "dataplane/firewall/tracking/passage_table.hpp"
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
  bool scale_offered : 1 = false;
  bool seen : 1 = false;   ///< it has sent something: the numbers hold
  bool acked : 1 = false;  ///< last_ack holds
  bool fin : 1 = false;
  bool fin_acked : 1 = false;
};

/// Two cache lines; the second is for TCP only.
struct alignas(64) Connection {
  FlowKey key;              ///< of the first packet
  Nanoseconds expires = 0;  ///< 0: the record is free
  std::uint64_t hash = 0;   ///< connection_hash of its key
  TcpState tcp = TcpState::none;
  bool replied : 1 = false;    ///< a packet of the reply direction was seen
  bool picked_up : 1 = false;  ///< first seen in the middle: windows are not known well
  std::uint16_t rules = 0;     ///< of which time its passages are: Tracker's count; 0: it has none
  std::array<PassageTable::Number, 2> passages{};  ///< by Direction; of its packets lately
  std::array<TcpSide, 2> side;                     ///< by Direction of what it sends
};
static_assert(sizeof(Connection) == 128 && offsetof(Connection, side) == 64);

/// The same value for both directions of a connection: keyed hashes of either end, added up.
[[nodiscard]] inline std::uint64_t connection_hash(const FlowKey& key, const HashSeed& seed) {
  const __m128i k =
      _mm_set_epi64x(static_cast<long long>(seed.high), static_cast<long long>(seed.low));
  const auto hash_of_end = [&](const IpAddress& address, std::uint32_t port) {
    __m128i end;
    std::memcpy(&end, &address, sizeof end);
    const __m128i rest = _mm_cvtsi32_si128(static_cast<int>(port << 8U | key.protocol));
    end = _mm_aesenc_si128(_mm_xor_si128(end, k), rest);
    return _mm_aesenc_si128(end, k);
  };
  const __m128i both = _mm_add_epi64(hash_of_end(key.source, key.source_port),
                                     hash_of_end(key.destination, key.destination_port));
  return static_cast<std::uint64_t>(
      _mm_cvtsi128_si64(_mm_aesenc_si128(_mm_aesenc_si128(both, k), k)));
}

/// Whether a packet with this key goes the way of the connection's first.
[[nodiscard]] inline bool goes_forth(const FlowKey& key, const Connection& connection) {
  std::array<std::uint64_t, 5> a, b;
  std::memcpy(a.data(), &key, sizeof a);
  std::memcpy(b.data(), &connection.key, sizeof b);
  return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4])) == 0;
}

/// Whether it goes the other way.
[[nodiscard]] inline bool goes_back(const FlowKey& key, const Connection& connection) {
  std::array<std::uint64_t, 4> a, b;
  std::memcpy(a.data(), &key, sizeof a);
  std::memcpy(b.data(), &connection.key, sizeof b);
  const bool addresses = ((a[0] ^ b[2]) | (a[1] ^ b[3]) | (a[2] ^ b[0]) | (a[3] ^ b[1])) == 0;
  return addresses && key.source_port == connection.key.destination_port &&
         key.destination_port == connection.key.source_port &&
         key.protocol == connection.key.protocol;
}

/// True for what an overloaded table may forget: no peer has confirmed it, or it is closing.
[[nodiscard]] bool expendable(const Connection& connection);

}  // namespace sluice::firewall
