#include "dataplane/dns/zone_set.hpp"

#include <algorithm>
#include <array>

namespace sluice::dns {

namespace {

/// Lines of a node worth fetching ahead: head, name, types and the first small answers.
constexpr std::size_t kLine = 64;
constexpr std::size_t kLinesAhead = 3;

}  // namespace

void ZoneSet::prefetch_node(std::uint64_t hash) const {
  const TableSlot& slot = slots_[hash & mask_];
  const std::uint8_t* node = node_at(slot.node);
  for (std::size_t line = 0; line < kLinesAhead; ++line) __builtin_prefetch(node + line * kLine);
}

const std::uint8_t* ZoneSet::find_exact(const std::uint8_t* name, std::size_t size,
                                        std::uint64_t hash) const {
  for (std::uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
    const TableSlot& slot = slots_[at];
    if (slot.node == 0) return nullptr;
    if (slot.hash != hash || slot.name_size != size) continue;
    const std::uint8_t* node = node_at(slot.node);
    if (same_name(node + sizeof(Node), name, size)) return node;
  }
}

const std::uint8_t* ZoneSet::find_encloser(const NameBuffer& name, std::size_t size) const {
  std::array<std::uint8_t, 128> label_at;  // offsets of the name's labels, the root's last
  unsigned labels = 0;
  for (std::size_t at = 0; at < size; at += 1U + name.bytes[at]) {
    label_at[labels++] = static_cast<std::uint8_t>(at);
  }
  // The encloser's first label is in [first, last]: the name itself is not in the table, the root
  // is, and names longer than the longest need no look.
  unsigned first = labels > labels_max_ ? labels - labels_max_ : 1;
  unsigned last = labels - 1;
  const std::uint8_t* encloser = nullptr;
  while (first <= last) {
    const unsigned middle = (first + last) / 2;
    const std::uint8_t* suffix = name.bytes + label_at[middle];
    const std::size_t suffix_size = size - label_at[middle];
    if (const auto* node = find_exact(suffix, suffix_size, hash_name(suffix, suffix_size, seed_))) {
      encloser = node;
      last = middle - 1;
    } else {
      first = middle + 1;
    }
  }
  return encloser;
}

ZoneSet::Found ZoneSet::find(const NameBuffer& name, std::size_t size, std::uint64_t hash) const {
  if (const auto* node = find_exact(name.bytes, size, hash)) {
    const Node head = load_node(node);
    if (head.kind != NodeKind::gap) return {node, true};
    return {node_at(head.link), false};
  }
  const auto* node = find_encloser(name, size);
  const Node head = load_node(node);
  return {head.kind == NodeKind::gap ? node_at(head.link) : node, false};
}

std::uint32_t ZoneSet::answer_for(const std::uint8_t* node, const Node& head, std::uint16_t type) {
  const std::uint8_t* at = node + sizeof(Node) + head.name_size;
  for (unsigned i = 0; i < head.types; ++i, at += sizeof(TypeAnswer)) {
    const auto entry = load<TypeAnswer>(at);
    if (entry.type == type) return entry.answer;
  }
  return head.otherwise;
}

const ServerSource* ZoneSet::server(const IpAddress& address, std::uint16_t port) const {
  for (const ServerSource& server : servers_) {
    if (server.port == port && std::find(server.addresses.begin(), server.addresses.end(),
                                         address) != server.addresses.end()) {
      return &server;
    }
  }
  return nullptr;
}

}  // namespace sluice::dns
