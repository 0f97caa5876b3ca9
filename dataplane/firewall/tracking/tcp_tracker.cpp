#include "dataplane/firewall/tracking/tcp_tracker.hpp"

#include <algorithm>

#include "dataplane/packet/bytes.hpp"

namespace sluice::firewall {
namespace {

using namespace tcp_flag;

/// Acknowledgements may lag behind what was sent by this much, or by the largest window.
constexpr std::uint32_t kAckLagMin = 66'000;
constexpr std::uint8_t kScaleMax = 14;  // RFC 7323 section 2.3

bool before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}
std::uint32_t later_of(std::uint32_t a, std::uint32_t b) {
  return before(a, b) ? b : a;
}

/// The numbers of a segment.
struct Segment {
  std::uint32_t sequence;
  std::uint32_t end;  ///< behind its last octet; SYN and FIN count
  std::uint32_t ack;
  std::uint32_t window;  ///< as written
  std::uint8_t flags;

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

Segment segment_of(const Packet& packet) {
  const std::uint8_t* tcp = packet.l4_bytes();
  Segment s{.sequence = load_be32(tcp + 4),
            .end = 0,
            .ack = load_be32(tcp + 8),
            .window = load_be16(tcp + 14),
            .flags = packet.tcp_flags};
  s.end = s.sequence + (static_cast<std::uint32_t>(packet.end) - packet.payload) +
          (s.has(kSyn) ? 1 : 0) + (s.has(kFin) ? 1 : 0);
  return s;
}

/// Combinations that some state may have. ECN bits and PSH do not matter.
bool flags_make_sense(std::uint8_t flags) {
  switch (flags & (kFin | kSyn | kRst | kAck | kUrg)) {
    case kSyn:
    case kSyn | kUrg:
    case kSyn | kAck:
    case kRst:
    case kRst | kAck:
    case kFin | kAck:
    case kFin | kAck | kUrg:
    case kAck:
    case kAck | kUrg:
      return true;
    default:
      return false;
  }
}

/// Reads the window scale of a SYN, the only segment that may carry it.
void read_options(const Packet& packet, TcpSide& side) {
  side.scale = 0;
  side.scale_offered = false;
  const std::size_t header = packet.l4 + std::size_t{20};
  ByteReader options({packet.data + header, packet.payload - header});
  while (options.left() != 0) {
    const std::uint8_t kind = options.u8();
    if (kind == 0) return;
    if (kind == 1) continue;
    const std::uint8_t size = options.u8();
    if (size < 2) return;
    if (kind == 3 && size == 3) {
      side.scale = std::min(options.u8(), kScaleMax);
      side.scale_offered = options.ok();
    } else {
      options.skip(size - std::size_t{2});
    }
    if (!options.ok()) return;
  }
}

/// The first numbers of a side, from its own SYN.
void open_side(const Packet& packet, const Segment& s, TcpSide& side) {
  side.seen = true;
  side.start = s.sequence;
  side.end = s.end;
  side.limit = s.end;
  side.window = std::max(s.window, 1U);
  read_options(packet, side);
}

void agree_on_scale(Connection& connection) {
  if (connection.side[0].scale_offered && connection.side[1].scale_offered) return;
  connection.side[0].scale = connection.side[1].scale = 0;
}

/// A sender first seen in the middle: as much is believed as its first segment says.
void adopt_side(const Segment& s, TcpSide& sender, TcpSide& receiver) {
  sender.seen = true;
  sender.end = receiver.acked ? later_of(s.end, receiver.last_ack) : s.end;
  sender.window = std::max(s.window << sender.scale, 1U);
  if (!receiver.seen) {
    // What the other side sent and allows is not known: from its acknowledged octet on, and a
    // window as large as any.
    receiver.end = receiver.limit = s.ack + sender.window;
    sender.limit = s.end + (0xffffU << kScaleMax);
  }
}

/// Follows the original side from the middle of a connection.
void pick_up(const Segment& s, Connection& connection) {
  connection.picked_up = true;
  // The scale of either window is not known: the largest keeps data from being refused.
  connection.side[0].scale = kScaleMax;
  connection.side[1] = TcpSide{.scale = kScaleMax};
  adopt_side(s, connection.side[0], connection.side[1]);
  connection.side[0].last_ack = s.ack;
  connection.side[0].acked = true;
  connection.tcp = TcpState::established;
}

/// The opener goes on behind its SYN although no answer came by: the replies take another way, as
/// with direct server return.
bool continues_unseen(const Segment& s, Direction direction, const Connection& connection) {
  return connection.tcp == TcpState::syn_sent && direction == Direction::original &&
         s.sequence == connection.side[0].end;
}

/// Where a segment stands in the windows of its connection.
enum class Position : std::uint8_t { inside, over, beyond, behind };

Position position_of(const Segment& s, const TcpSide& sender, const TcpSide& receiver) {
  if (s.has(kAck) && before(receiver.end, s.ack)) return Position::beyond;
  // Some senders go over the window; by no more than another one it is not taken for forged.
  const bool over = before(sender.limit, s.sequence);
  if (over && s.end - sender.limit + 1 > receiver.window) return Position::beyond;
  // A window's worth behind what was sent is an old retransmission or a keep-alive.
  if (!before(sender.end - receiver.window - 1, s.end) && receiver.window != 0)
    return Position::behind;
  const std::uint32_t lag = std::max(kAckLagMin, sender.window);
  const bool old_ack = s.has(kAck) && !before(receiver.end - lag - 1, s.ack);
  if (over) return old_ack ? Position::beyond : Position::over;
  return old_ack ? Position::behind : Position::inside;
}

void note(const Segment& s, TcpSide& sender, TcpSide& receiver) {
  const std::uint32_t window = s.has(kSyn) ? s.window : s.window << sender.scale;
  sender.window = std::max(sender.window, window);
  sender.end = later_of(sender.end, s.end);
  if (s.has(kFin)) {
    sender.fin = true;
    sender.fin_end = s.end;
  }
  if (!s.has(kAck)) return;
  receiver.limit = later_of(receiver.limit, s.ack + std::max(window, 1U));
  sender.last_ack = sender.acked ? later_of(sender.last_ack, s.ack) : s.ack;
  sender.acked = true;
  if (receiver.fin && !before(s.ack, receiver.fin_end)) receiver.fin_acked = true;
}

/// Not as it should be, but the other side may take its data and acknowledge them.
TcpVerdict on_doubtful(const Segment& s, TcpSide& sender) {
  sender.end = later_of(sender.end, s.end);
  return TcpVerdict::ignored;
}

/// RFC 5961 section 3: only a reset at the very number that the other side expects is certain to
/// be obeyed. Another one in the window draws a challenge, so the connection lives on here too.
TcpVerdict on_reset(const Segment& s, Connection& connection, TcpSide& sender, TcpSide& receiver) {
  const bool opening = connection.tcp == TcpState::syn_sent || connection.tcp == TcpState::syn_both;
  if (opening) {
    // An answer must acknowledge the SYN (RFC 9293 section 3.10.7.3); the opener may give up.
    const bool answers = s.has(kAck) && s.ack == receiver.end;
    const bool gives_up = sender.seen && s.sequence == sender.end;
    const bool disowns = receiver.acked && s.sequence == receiver.last_ack;
    if (!answers && !gives_up && !disowns) return TcpVerdict::invalid;
    connection.tcp = TcpState::closed;
    return TcpVerdict::fits;
  }
  if (connection.tcp == TcpState::closed) return TcpVerdict::ignored;
  if (receiver.acked && before(s.sequence, receiver.last_ack)) return TcpVerdict::invalid;
  Segment plain = s;
  plain.flags = kRst;  // its acknowledgement is often 0 and means nothing
  const Position position = position_of(plain, sender, receiver);
  if (position == Position::over && !connection.picked_up) return on_doubtful(s, sender);
  const bool inside = position == Position::inside;
  if (!inside && !connection.picked_up) return TcpVerdict::invalid;
  // Right behind the data just sent is exact too: its acknowledgement is still on the way.
  const bool exact = s.sequence == receiver.last_ack || s.sequence == sender.end;
  const bool open = connection.tcp == TcpState::established && connection.replied;
  if (open && receiver.acked && !exact) return on_doubtful(s, sender);
  sender.end = later_of(sender.end, s.sequence);
  connection.tcp = TcpState::closed;
  return TcpVerdict::fits;
}

TcpVerdict on_syn(const Packet& packet, const Segment& s, Direction direction,
                  Connection& connection) {
  TcpSide& sender = connection.side[index_of(direction)];
  const bool original = direction == Direction::original;
  switch (connection.tcp) {
    case TcpState::syn_sent:
      open_side(packet, s, sender);  // from the opener: sent again, perhaps with another number
      if (original) return TcpVerdict::fits;
      agree_on_scale(connection);
      connection.tcp = TcpState::syn_both;
      return TcpVerdict::fits;
    case TcpState::syn_both:
      return TcpVerdict::ignored;
    case TcpState::time_wait:
      return TcpVerdict::reopens;
    case TcpState::closed:
      return original ? TcpVerdict::reopens : TcpVerdict::invalid;
    default:
      // RFC 5961 section 4: the receiver answers with a challenge; nothing changes. Whoever
      // answered the opening has no reason to open.
      return original ? TcpVerdict::ignored : TcpVerdict::invalid;
  }
}

TcpVerdict on_syn_ack(const Packet& packet, const Segment& s, Direction direction,
                      Connection& connection) {
  TcpSide& sender = connection.side[index_of(direction)];
  TcpSide& receiver = connection.side[index_of(opposite(direction))];
  const bool answers_open = connection.tcp == TcpState::syn_sent && direction == Direction::reply;
  const bool answers_crossed = connection.tcp == TcpState::syn_both;
  if (!answers_open && !answers_crossed) {
    if (direction == Direction::reply) return TcpVerdict::ignored;  // an old one may come late
    // The other half of a simultaneous open, if it fits.
    const Position position = position_of(s, sender, receiver);
    const bool crossed = connection.tcp == TcpState::syn_received && position != Position::beyond &&
                         position != Position::over;
    return crossed ? TcpVerdict::ignored : TcpVerdict::invalid;
  }
  // RFC 9293 section 3.10.7.3; data in the SYN need not be acknowledged.
  if (!before(receiver.start, s.ack) || before(receiver.end, s.ack)) return TcpVerdict::invalid;
  // Whoever sent a SYN already answers with its number, or began anew with a later one.
  if (answers_crossed && before(s.sequence, sender.start)) return TcpVerdict::ignored;
  open_side(packet, s, sender);
  sender.limit = s.end + receiver.window;
  agree_on_scale(connection);
  note(s, sender, receiver);
  connection.tcp = TcpState::syn_received;
  return TcpVerdict::fits;
}

/// States that a segment with ACK leads to, once it is inside the windows.
void advance(Connection& connection, Direction direction) {
  const TcpSide& original = connection.side[0];
  const TcpSide& reply = connection.side[1];
  if (connection.tcp == TcpState::syn_received) {
    // The handshake's last ACK comes from whoever did not send the SYN-ACK; data of the other side
    // does not complete it.
    if (direction == Direction::original || original.acked) connection.tcp = TcpState::established;
  }
  if (original.fin && reply.fin) {
    connection.tcp =
        original.fin_acked && reply.fin_acked ? TcpState::time_wait : TcpState::closing;
  } else if (original.fin || reply.fin) {
    connection.tcp = TcpState::half_closed;
  }
}

}  // namespace

bool tcp_start(const Packet& packet, Connection& connection) {
  const Segment s = segment_of(packet);
  if (!flags_make_sense(s.flags) || s.has(kRst) || s.has(kFin)) return false;
  if (s.has(kSyn)) {
    if (s.has(kAck)) return false;
    open_side(packet, s, connection.side[0]);
    connection.tcp = TcpState::syn_sent;
    return true;
  }
  pick_up(s, connection);
  return true;
}

TcpVerdict tcp_continue(const Packet& packet, Direction direction, Connection& connection) {
  const Segment s = segment_of(packet);
  if (!flags_make_sense(s.flags)) return TcpVerdict::invalid;
  TcpSide& sender = connection.side[index_of(direction)];
  TcpSide& receiver = connection.side[index_of(opposite(direction))];
  if (s.has(kRst)) return on_reset(s, connection, sender, receiver);
  if (s.has(kSyn))
    return s.has(kAck) ? on_syn_ack(packet, s, direction, connection)
                       : on_syn(packet, s, direction, connection);
  if (connection.tcp == TcpState::syn_sent || connection.tcp == TcpState::syn_both) {
    if (direction == Direction::reply && s.has(kAck) && !s.has(kFin)) {
      // The other side is still in an older connection: the opener will reset it and open again
      // (RFC 9293 section 3.5.1).
      sender.last_ack = s.ack;
      sender.acked = true;
      return TcpVerdict::ignored;
    }
    if (!continues_unseen(s, direction, connection)) return TcpVerdict::invalid;
    pick_up(s, connection);
    return TcpVerdict::fits;
  }
  if (!sender.seen) adopt_side(s, sender, receiver);
  const Position position = position_of(s, sender, receiver);
  // Of a connection that was picked up, what was sent before is not known and may be acknowledged.
  if (position == Position::beyond && !connection.picked_up) return TcpVerdict::invalid;
  if (position == Position::behind) return TcpVerdict::ignored;
  if (position == Position::over && !connection.picked_up) return on_doubtful(s, sender);
  if (position == Position::inside) note(s, sender, receiver);
  if (connection.tcp == TcpState::closed) return TcpVerdict::ignored;  // was on its way
  advance(connection, direction);
  return TcpVerdict::fits;
}

}  // namespace sluice::firewall
