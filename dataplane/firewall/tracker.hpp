/// Connection tracking of one worker.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/firewall/classifier/packet_view.hpp"
#include "dataplane/firewall/source.hpp"
#include "dataplane/firewall/tracking/connection_table.hpp"
#include "dataplane/firewall/tracking/fragment_table.hpp"
#include "dataplane/firewall/tracking/icmp_tracker.hpp"
#include "dataplane/packet/context.hpp"

namespace sluice::firewall {

/// Used by one thread. What observe() finds out about the packets of a burst is kept until commit()
/// of the same burst; their bytes and keys must not change between.
class Tracker {
 public:
  /// Reserves memory for limits.connections_max connections; the time-outs come with each burst.
  explicit Tracker(const TrackingSource& limits, HashSeed seed = {})
      : table_(limits.connections_max), seed_(seed) {}

  /// Sets Packet::connection of the alive IP packets and moves their connections on. A packet whose
  /// connection would be started by an earlier one of the burst is left for later: see deferred().
  void observe(Context& context, const TrackingSource& timeouts, Burst& burst);

  /// Packets that observe() could not judge: whether an earlier packet starts their connection is
  /// the filter's to say. Bits as in Burst::alive.
  [[nodiscard]] std::uint64_t deferred() const { return deferred_; }
  /// Judges a deferred packet, once all earlier ones are committed or dropped.
  void observe_deferred(Context& context, const TrackingSource& timeouts, Packet& packet,
                        unsigned index);

  /// Before the packets of a burst: which rules they will meet. Passages under others are
  /// forgotten.
  void use(std::uint64_t rules);
  /// What the rules did to an earlier packet of the same connection and direction with these
  /// traits; null: not known.
  [[nodiscard]] const Passage* passage(unsigned index, std::uint64_t traits) const {
    const Note& note = notes_[index];
    if (note.record == ConnectionTable::kNone) return nullptr;
    const Connection& connection = table_.at(note.record);
    // The record may have been given to another connection since it was found.
    if (connection.rules != rules_ || connection.hash != note.hash) return nullptr;
    const Passage& known = passages_.at(connection.passages[index_of(note.direction)]);
    return known.traits == traits ? &known : nullptr;
  }
  /// What they did to this packet, for later ones.
  void remember(unsigned index, const Packet& packet, const Passage& passage);

  /// Records the connection of an accepted packet if it is new. False: the table is full.
  [[nodiscard]] bool commit(Context& context, const TrackingSource& timeouts, const Packet& packet,
                            unsigned index) {
    Note& note = notes_[index];
    return !note.starts || record_new(context, timeouts, packet, note);
  }

  /// What a later fragment has from its first one.
  [[nodiscard]] FragmentPorts fragment_ports(unsigned index) const { return notes_[index].ports; }

  /// For a rehearsal in an empty tracker with the seed of `live`: takes over what that knows of the
  /// connection of a whole packet, and whether it has room for another one. Returns the connection,
  /// which is the table's; null: there is none.
  const Connection* borrow(const Tracker& live, const Packet& packet, Nanoseconds now);

  /// Places of connections, for walks in slices: records() of them, some free.
  [[nodiscard]] std::uint32_t records() const { return table_.capacity(); }
  /// The connection at a place, from 0; null: none that lives.
  [[nodiscard]] const Connection* record(std::uint32_t place, Nanoseconds now) const {
    const Connection& connection = table_.at(place + 1);
    return connection.expires > now ? &connection : nullptr;
  }

  [[nodiscard]] std::uint32_t connections() const { return table_.size(); }
  [[nodiscard]] std::uint32_t connections_max() const { return table_.capacity(); }
  /// Unanswered or closing connections that were forgotten for new ones.
  [[nodiscard]] std::uint64_t evictions() const { return table_.evictions(); }

 private:
  /// What is noted of a packet between observe() and commit().
  struct Note {
    std::uint64_t hash = 0;
    FragmentPorts ports;
    bool tracked = false;  ///< takes part at all
    bool starts = false;   ///< its connection is to be recorded
    Direction direction = Direction::original;
    PassageTable::Number passage = PassageTable::kNone;      ///< of a packet that starts one
    ConnectionTable::Index record = ConnectionTable::kNone;  ///< of its connection
  };
  struct Found {
    ConnectionTable::Index index = ConnectionTable::kNone;
    Direction direction = Direction::original;
  };

  void begin(Burst& burst);
  [[nodiscard]] bool record_new(Context& context, const TrackingSource& timeouts,
                                const Packet& packet, Note& note);
  void age(Nanoseconds now);
  void judge(Context& context, const TrackingSource& timeouts, Packet& packet, Note& note,
             bool may_defer, unsigned index);
  void follow(Context& context, const TrackingSource& timeouts, Packet& packet, Note& note,
              const FlowKey& key, IcmpRole role, bool may_defer, unsigned index);
  void judge_later_fragment(Context& context, Packet& packet, Note& note);
  [[nodiscard]] Found find(const FlowKey& key, std::uint64_t hash, IcmpRole role,
                           Nanoseconds now) const;
  void judge_error(Context& context, Packet& packet, bool may_defer, unsigned index);
  [[nodiscard]] ConnectionState go_on(Context& context, const TrackingSource& timeouts,
                                      const Packet& packet, Found found, bool& reopens);
  [[nodiscard]] bool starts_earlier(std::uint64_t hash) const;

  ConnectionTable table_;
  FragmentTable fragments_;
  PassageTable passages_;
  std::uint64_t rules_id_ = 0;
  std::uint16_t rules_ = 0;  ///< counts the rule sets used; 0 only before the first
  HashSeed seed_;
  Nanoseconds aged_at_ = 0;
  std::uint64_t deferred_ = 0;
  std::array<Note, kBurstMax> notes_{};
  std::array<std::uint64_t, kBurstMax> starting_{};  ///< hashes of the burst's new connections
  unsigned starting_count_ = 0;
};

[[gnu::always_inline]] inline Tracker::Found Tracker::find(const FlowKey& key, std::uint64_t hash,
                                                           IcmpRole role, Nanoseconds now) const {
  Found found;
  found.index = table_.find(
      hash, now, [&](const Connection& connection) __attribute__((always_inline)) {
        if (role != IcmpRole::reply && goes_forth(key, connection)) {
          found.direction = Direction::original;
          return true;
        }
        if (role == IcmpRole::request || !goes_back(key, connection)) return false;
        found.direction = Direction::reply;
        return true;
      });
  return found;
}

}  // namespace sluice::firewall
