/// All zones compiled for the query path: one table of names over one arena of nodes, each with its
/// answers behind it. Immutable.
///
/// Every ancestor of a name in the table is in the table, up to the root; so the closest encloser
/// of a name that is not there is found by bisection over its labels, in at most 7 probes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "dataplane/dns/name_hash.hpp"
#include "dataplane/dns/source.hpp"
#include "dataplane/dns/stages.hpp"
#include "dataplane/runtime/counters.hpp"

namespace sluice::dns {

enum class NodeKind : std::uint8_t {
  outside,  ///< above our zones: names here and below are not ours
  gap,      ///< no name of its zone, but above a zone below it; `link` is its closest encloser
  name,     ///< in a zone; `link` is the wildcard below it, if any
  cut,      ///< delegated; so is all below it
};

/// Head of a node in the arena. The lowered name follows, then the types (kTypeSize each), then the
/// answers. Nodes are named by their offset in units of kNodeUnit; 0 is none. Answers are named by
/// their offset in octets from the node; 0 is the zone's NODATA.
struct Node {
  std::uint32_t zone;         ///< index
  std::uint32_t link;         ///< node, see NodeKind
  std::uint32_t parent_side;  ///< at an apex: the name or its closest encloser in the zone above
  std::uint32_t otherwise;    ///< answer for the types that are not listed
  std::uint16_t types;        ///< listed
  std::uint8_t name_size;
  NodeKind kind;
};
inline constexpr std::size_t kNodeUnit = 16;

struct TypeAnswer {
  std::uint32_t type;
  std::uint32_t answer;
};

/// Head of an answer in the arena; the octets after the question follow, then the places of moving
/// pointers (16 bits each, native order).
struct Answer {
  std::uint16_t size;      ///< octets of all records
  std::uint16_t required;  ///< octets that an answer without TC has at least
  std::uint16_t answers;   ///< records by section
  std::uint16_t authorities;
  std::uint16_t additionals;
  std::uint16_t required_additionals;
  std::uint16_t moving;  ///< pointers that move with the question's size
  std::uint8_t rcode;
  bool authoritative;
};

/// What the query path needs to know of a zone.
struct ServedZone {
  const std::uint8_t* negative;  ///< its Answer of NODATA
  std::uint8_t origin_size;
  Slot queries;   ///< events; units are octets of queries
  Slot noerror;   ///< events; units are octets of answers
  Slot nxdomain;  ///< as noerror
};

/// Slots for what concerns no zone.
struct ServerSlots {
  Slot formerr, notimp, refused, badvers, truncated;
};

class ZoneSet {
 public:
  /// Where a name leads: the node, and whether it is the name itself or its closest encloser.
  struct Found {
    const std::uint8_t* node;
    bool exact;
  };

  [[nodiscard]] std::uint64_t hash(const NameBuffer& name, std::size_t size) const {
    return hash_name(name.bytes, size, seed_);
  }
  void prefetch_slot(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  /// After prefetch_slot had its time: prefetches the node that the hash probably means.
  void prefetch_node(std::uint64_t hash) const;
  /// The node of a lowered name, or its closest encloser.
  [[nodiscard]] Found find(const NameBuffer& name, std::size_t size, std::uint64_t hash) const;

  [[nodiscard]] const std::uint8_t* node_at(std::uint32_t node) const {
    return arena_.data() + node * kNodeUnit;
  }
  [[nodiscard]] static Node load_node(const std::uint8_t* at) { return load<Node>(at); }
  [[nodiscard]] static Answer load_answer(const std::uint8_t* at) { return load<Answer>(at); }
  /// Offset of the answer for a type; 0 is NODATA.
  [[nodiscard]] static std::uint32_t answer_for(const std::uint8_t* node, const Node& head,
                                                std::uint16_t type);

  [[nodiscard]] const ServedZone& zone(std::uint32_t index) const { return zones_[index]; }
  [[nodiscard]] const ServerSlots& server_slots() const { return server_slots_; }
  [[nodiscard]] const std::vector<NamedCounter>& counters() const { return counters_; }
  [[nodiscard]] const std::vector<ServerSource>& servers() const { return servers_; }
  /// The name server at an address and port; nullptr if there is none.
  [[nodiscard]] const ServerSource* server(const IpAddress& address, std::uint16_t port) const;
  [[nodiscard]] std::uint16_t udp_size_max(const IpAddress& address, std::uint16_t port) const {
    if (servers_.size() == 1) return servers_.front().udp_size_max;
    const ServerSource* found = server(address, port);
    return found == nullptr ? kUdpSizeDefault : found->udp_size_max;
  }
  /// What OPT says on a stream, where it means nothing but must be said.
  [[nodiscard]] std::uint16_t udp_size_advertised() const {
    return servers_.empty() ? kUdpSizeDefault : servers_.front().udp_size_max;
  }
  /// Octets held by table and arena.
  [[nodiscard]] std::size_t memory() const {
    return slots_.size() * sizeof(TableSlot) + arena_.size();
  }

 private:
  friend class ZoneSetBuilder;
  static constexpr std::uint16_t kUdpSizeDefault = 1232;

  /// A quarter of a cache line; `node` 0 is empty.
  struct TableSlot {
    std::uint64_t hash;
    std::uint32_t node;
    std::uint32_t name_size;
  };

  template <class T>
  static T load(const std::uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  [[nodiscard]] const std::uint8_t* find_exact(const std::uint8_t* name, std::size_t size,
                                               std::uint64_t hash) const;
  [[nodiscard]] const std::uint8_t* find_encloser(const NameBuffer& name, std::size_t size) const;

  std::vector<TableSlot> slots_;
  std::uint64_t mask_ = 0;
  std::vector<std::uint8_t> arena_;  ///< kNamePadding octets more than are used
  std::vector<ServedZone> zones_;
  std::vector<ServerSource> servers_;
  std::vector<NamedCounter> counters_;
  ServerSlots server_slots_{};
  HashSeed seed_;
  unsigned labels_max_ = 1;  ///< of any name in the table, the root's counted
};

}  // namespace sluice::dns
