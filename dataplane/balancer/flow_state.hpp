/// What the balancer knows about the life of a flow, for ageing and for eviction. Sequence numbers
/// are not followed: the firewall does that.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/packet/packet.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::balancer {

enum class FlowState : std::uint8_t {
  unused,
  opening,                ///< TCP: the client's SYN was seen
  answered,               ///< TCP: the backend's SYN-ACK was seen
  picked_up,              ///< TCP: first seen in mid-stream, not yet confirmed
  established,            ///< TCP
  half_closed_by_client,  ///< TCP: one FIN
  half_closed_by_backend,
  reset_by_client,  ///< TCP: provisional, since anybody may forge it: the backend can revive it
  closed,           ///< TCP: both FINs, or the backend's reset
  fresh,            ///< UDP: nothing came back yet
  assured,          ///< UDP: answered, or (direct return) seen more than once
  count
};

inline constexpr unsigned kFlowStates = static_cast<unsigned>(FlowState::count);

/// Nobody has confirmed the flow, or it is over: it may make room for another one.
[[nodiscard]] constexpr bool evictable(FlowState state) {
  switch (state) {
    case FlowState::opening:
    case FlowState::answered:
    case FlowState::picked_up:
    case FlowState::reset_by_client:
    case FlowState::closed:
    case FlowState::fresh:
      return true;
    default:
      return false;
  }
}

/// The flow is over: a SYN of the same addresses and ports begins another one.
[[nodiscard]] constexpr bool over(FlowState state) {
  return state == FlowState::closed || state == FlowState::reset_by_client;
}

/// State of a new flow by its first packet.
[[nodiscard]] constexpr FlowState first_state(std::uint8_t protocol, std::uint8_t tcp_flags) {
  if (protocol == ip_protocol::kUdp) return FlowState::fresh;
  return (tcp_flags & tcp_flag::kSyn) != 0 ? FlowState::opening : FlowState::picked_up;
}

/// State after a packet of the client. `direct`: the backend's packets are never seen.
[[nodiscard]] constexpr FlowState after_client(FlowState state, std::uint8_t tcp_flags,
                                               bool direct) {
  if (state == FlowState::fresh) return direct ? FlowState::assured : state;
  if (state == FlowState::assured || state == FlowState::closed) return state;
  if ((tcp_flags & tcp_flag::kRst) != 0) return FlowState::reset_by_client;
  if ((tcp_flags & tcp_flag::kSyn) != 0) return state;
  if (state == FlowState::answered ||
      (direct && (state == FlowState::opening || state == FlowState::picked_up)))
    state = FlowState::established;
  if ((tcp_flags & tcp_flag::kFin) == 0) return state;
  if (state == FlowState::established) return FlowState::half_closed_by_client;
  return state == FlowState::half_closed_by_backend ? FlowState::closed : state;
}

/// State after a packet of the backend.
[[nodiscard]] constexpr FlowState after_backend(FlowState state, std::uint8_t tcp_flags) {
  if (state == FlowState::fresh) return FlowState::assured;
  if (state == FlowState::assured || state == FlowState::closed) return state;
  if ((tcp_flags & tcp_flag::kRst) != 0) return FlowState::closed;
  if ((tcp_flags & tcp_flag::kSyn) != 0)
    return state == FlowState::opening ? FlowState::answered : state;
  if (state == FlowState::picked_up || state == FlowState::reset_by_client)
    state = FlowState::established;
  if ((tcp_flags & tcp_flag::kFin) == 0) return state;
  if (state == FlowState::established) return FlowState::half_closed_by_backend;
  return state == FlowState::half_closed_by_client ? FlowState::closed : state;
}

/// Milliseconds of the loop's clock, modulo 2^32: compared by difference.
using Ticks = std::uint32_t;
/// Longest lifetime that differences can tell from the past.
inline constexpr Nanoseconds kLifetimeMax = Nanoseconds{1} << 30U << 20U;

[[nodiscard]] constexpr Ticks ticks_of(Nanoseconds time) {
  return static_cast<Ticks>(time / kMillisecond);
}
[[nodiscard]] constexpr bool reached(Ticks now, Ticks deadline) {
  return static_cast<std::int32_t>(now - deadline) >= 0;
}

/// How long a flow is kept after its last packet, by its state.
using Lifetimes = std::array<Ticks, kFlowStates>;

}  // namespace sluice::balancer
