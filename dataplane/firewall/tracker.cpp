#include "dataplane/firewall/tracker.hpp"

#include <algorithm>

#include "dataplane/firewall/tracking/tcp_tracker.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice::firewall {
namespace {

bool is_icmp(const Packet& packet) {
  return packet.key.protocol == (packet.ip_version == 4 ? ip_protocol::kIcmp : ip_protocol::kIcmp6);
}

IcmpRole role_of(const Packet& packet) {
  return icmp_role(packet.ip_version == 4, packet.icmp_type);
}

/// A whole TCP or UDP packet: its key says all about its connection.
bool says_all(const Packet& packet) {
  constexpr std::uint16_t kAsked = packet_flag::kIp | packet_flag::kL4 | packet_flag::kFragment;
  return (packet.flags & kAsked) == (packet_flag::kIp | packet_flag::kL4) &&
         has_ports(packet.key.protocol);
}

/// The key under which a packet is tracked.
FlowKey key_of(const Packet& packet, const FragmentPorts& ports) {
  FlowKey key = packet.key;
  if (ports.known) {
    key.source_port = ports.source;
    key.destination_port = ports.destination;
  }
  return key;
}

Nanoseconds timeout_of(const Connection& connection, const TrackingSource& timeouts) {
  switch (connection.tcp) {
    case TcpState::none:
      break;
    case TcpState::established:
      return connection.replied ? timeouts.tcp_established : timeouts.tcp_half_open;
    case TcpState::syn_sent:
    case TcpState::syn_both:
    case TcpState::syn_received:
      return timeouts.tcp_half_open;
    default:
      return timeouts.tcp_closing;
  }
  switch (connection.key.protocol) {
    case ip_protocol::kUdp:
      return connection.replied ? timeouts.udp_replied : timeouts.udp_unreplied;
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmp6:
      return timeouts.icmp;
    default:
      return timeouts.other;
  }
}

/// Whether the packet would begin a connection or move one on. What it cannot change needs no
/// checksum, which takes longer than all the rest of a known flow's packet.
bool changes(const Packet& packet, const Connection* known, Direction direction) {
  if (!packet.has(packet_flag::kL4) || known == nullptr) return true;
  return known->tcp != TcpState::none || (direction == Direction::reply && !known->replied);
}

/// The record of a packet's new connection. False: it starts none.
bool start(const Packet& packet, const FragmentPorts& ports, Connection& connection) {
  connection.key = key_of(packet, ports);
  if (packet.key.protocol != ip_protocol::kTcp) return true;
  return packet.has(packet_flag::kL4) && tcp_start(packet, connection);
}

[[gnu::noinline]] bool would_start(const Packet& packet, const FragmentPorts& ports) {
  Connection connection;
  return start(packet, ports, connection);
}

}  // namespace

void Tracker::observe(Context& context, const TrackingSource& timeouts, Burst& burst) {
  age(context.now);
  begin(burst);
  burst.for_each_alive([&](unsigned i, const Packet& packet) {
    const bool tcp = packet.key.protocol == ip_protocol::kTcp;
    if (notes_[i].tracked) table_.prefetch_record(notes_[i].hash, tcp);
  });
  burst.for_each_alive([&](unsigned i, Packet& packet) {
    if (!packet.has(packet_flag::kIp) || packet.reason != DropReason::none) return;
    if (says_all(packet)) [[likely]]
      follow(context, timeouts, packet, notes_[i], packet.key, IcmpRole::unknown, true, i);
    else
      judge(context, timeouts, packet, notes_[i], true, i);
  });
}

void Tracker::use(std::uint64_t rules) {
  if (rules == rules_id_) return;
  rules_id_ = rules;
  passages_.clear();
  // A count that comes round again is forgotten by age() long before.
  if (++rules_ == 0) rules_ = 1;
}

void Tracker::remember(unsigned index, const Packet& packet, const Passage& passage) {
  Note& note = notes_[index];
  if (packet.has(packet_flag::kFragment)) return;
  if (note.starts) {
    note.passage = passages_.number_of(passage);
    return;
  }
  if (note.record == ConnectionTable::kNone) return;
  Connection& connection = table_.at(note.record);
  if (connection.hash != note.hash) return;
  if (connection.rules != rules_) connection.passages = {};
  connection.rules = rules_;
  connection.passages[index_of(note.direction)] = passages_.number_of(passage);
}

void Tracker::begin(Burst& burst) {
  deferred_ = 0;
  starting_count_ = 0;
  burst.for_each_alive([&](unsigned i, Packet& packet) {
    Note& note = notes_[i];
    note = Note{};
    if (!packet.has(packet_flag::kIp) || packet.has(packet_flag::kLaterFragment)) return;
    if (packet.reason != DropReason::none) return;  // rejected, it waits for its answer
    note.tracked = true;
    note.hash = connection_hash(packet.key, seed_);
    table_.prefetch(note.hash);
  });
}

/// A part of the table at a time: all of it about every ten seconds, and never a pause.
void Tracker::age(Nanoseconds now) {
  constexpr Nanoseconds kRound = 10 * kSecond;
  constexpr std::uint64_t kRecordsMax = 64;
  const Nanoseconds passed = std::min(now - std::min(aged_at_, now), kRound);
  const std::uint64_t due = passed * table_.capacity() / kRound;
  if (due == 0) return;
  table_.age(now, static_cast<std::uint32_t>(std::min(due, kRecordsMax)), rules_);
  aged_at_ = now;
}

void Tracker::observe_deferred(Context& context, const TrackingSource& timeouts, Packet& packet,
                               unsigned index) {
  judge(context, timeouts, packet, notes_[index], false, index);
}

bool Tracker::starts_earlier(std::uint64_t hash) const {
  const auto* const end = starting_.data() + starting_count_;
  return std::find(starting_.data(), end, hash) != end;
}

/// An error is related to the connection whose packet it quotes, and moves nothing.
void Tracker::judge_error(Context& context, Packet& packet, bool may_defer, unsigned index) {
  const auto quoted = quoted_packet(packet);
  if (!quoted) return;
  const std::uint64_t hash = connection_hash(quoted->key, seed_);
  const Found found = find(quoted->key, hash, quoted->role, context.now);
  if (found.index != ConnectionTable::kNone) {
    packet.connection = ConnectionState::related;
  } else if (may_defer && starts_earlier(hash)) {
    deferred_ |= std::uint64_t{1} << index;
  }
}

void Tracker::judge_later_fragment(Context& context, Packet& packet, Note& note) {
  const auto datagram = datagram_of(packet);
  const auto ports = datagram ? fragments_.find(*datagram, seed_, context.now) : std::nullopt;
  if (!ports) return;
  note.ports = {true, ports->source, ports->destination};
  note.tracked = true;
  note.hash = connection_hash(key_of(packet, note.ports), seed_);
}

void Tracker::judge(Context& context, const TrackingSource& timeouts, Packet& packet, Note& note,
                    bool may_defer, unsigned index) {
  if (packet.has(packet_flag::kLaterFragment)) {
    judge_later_fragment(context, packet, note);
  } else if (packet.has(packet_flag::kFragment)) {
    if (const auto datagram = datagram_of(packet))
      fragments_.remember(*datagram, {packet.key.source_port, packet.key.destination_port}, seed_,
                          context.now);
  }
  packet.connection = ConnectionState::invalid;
  if (!note.tracked) return;
  IcmpRole role = IcmpRole::unknown;
  if (is_icmp(packet) && packet.has(packet_flag::kL4)) {
    role = role_of(packet);
    if (role == IcmpRole::unknown) return;
    if (role == IcmpRole::housekeeping) {
      packet.connection = ConnectionState::untracked;
      return;
    }
    if (role == IcmpRole::error) return judge_error(context, packet, may_defer, index);
  }
  follow(context, timeouts, packet, note, key_of(packet, note.ports), role, may_defer, index);
}

void Tracker::follow(Context& context, const TrackingSource& timeouts, Packet& packet, Note& note,
                     const FlowKey& key, IcmpRole role, bool may_defer, unsigned index) {
  packet.connection = ConnectionState::invalid;
  const Found found = find(key, note.hash, role, context.now);
  const Connection* const known =
      found.index != ConnectionTable::kNone ? &table_.at(found.index) : nullptr;
  if (changes(packet, known, found.direction) && !l4_checksum_right(packet)) return;
  if (known != nullptr) {
    bool reopens = false;
    packet.connection = go_on(context, timeouts, packet, found, reopens);
    if (!reopens) {
      const bool whole = !packet.has(packet_flag::kFragment);
      if (whole && packet.connection != ConnectionState::invalid) note.record = found.index;
      note.direction = found.direction;
      return;
    }
    table_.erase(found.index);
  }
  if (may_defer && starts_earlier(note.hash)) {
    deferred_ |= std::uint64_t{1} << index;
    return;
  }
  note.starts = role != IcmpRole::reply && would_start(packet, note.ports);
  if (!note.starts) return;
  packet.connection = ConnectionState::fresh;
  starting_[starting_count_++ % kBurstMax] = note.hash;
}

ConnectionState Tracker::go_on(Context& context, const TrackingSource& timeouts,
                               const Packet& packet, Found found, bool& reopens) {
  Connection& connection = table_.at(found.index);
  bool moves = true;
  if (connection.tcp != TcpState::none && packet.has(packet_flag::kL4)) {
    switch (tcp_continue(packet, found.direction, connection)) {
      case TcpVerdict::fits:
        break;
      case TcpVerdict::ignored:
        moves = false;
        break;
      case TcpVerdict::reopens:
        reopens = true;
        return ConnectionState::fresh;
      case TcpVerdict::invalid:
        return ConnectionState::invalid;
    }
  } else if (connection.tcp != TcpState::none) {
    // A later fragment: its octets count, or their acknowledgement would look too far ahead.
    connection.side[index_of(found.direction)].end +=
        static_cast<std::uint32_t>(packet.end) - packet.l4;
  }
  if (connection.tcp == TcpState::closed && !connection.replied) {
    // Refused, or given up before any answer: there is nothing to remember.
    const bool refused = found.direction == Direction::reply;
    table_.erase(found.index);
    return refused ? ConnectionState::established : ConnectionState::fresh;
  }
  if (found.direction == Direction::reply) connection.replied = true;
  if (moves) connection.expires = context.now + timeout_of(connection, timeouts);
  return connection.replied ? ConnectionState::established : ConnectionState::fresh;
}

bool Tracker::record_new(Context& context, const TrackingSource& timeouts, const Packet& packet,
                         Note& note) {
  note.starts = false;
  Connection connection;
  if (!start(packet, note.ports, connection)) return true;
  connection.hash = note.hash;
  connection.expires = context.now + timeout_of(connection, timeouts);
  if (note.passage != PassageTable::kNone) {
    connection.rules = rules_;
    connection.passages[index_of(Direction::original)] = note.passage;
  }
  return table_.insert(connection, context.now) != ConnectionTable::kNone;
}

}  // namespace sluice::firewall
