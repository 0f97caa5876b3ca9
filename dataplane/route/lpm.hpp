/// Longest-prefix match by a multibit trie with leaf pushing (Srinivasan and Varghese, "Fast
/// address lookups using controlled prefix expansion", 1999): the first 16 bits index the root,
/// each further 8 bits a node of 256 entries. A look-up touches one entry a level and never goes
/// back.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/bytes.hpp"

namespace sluice::route {

/// What a prefix leads to; 0 means that nothing matches. At most kLpmValueMax.
using LpmValue = std::uint32_t;
inline constexpr LpmValue kLpmValueMax = 0x7fff'ffff;

/// A trie over keys of `KeyBytes` bytes in network order. Built once, then only read.
template <unsigned KeyBytes>
class Lpm {
 public:
  Lpm();  ///< matches nothing

  /// Adds a prefix whose bits after `length` are 0. Prefixes must come in order of rising length;
  /// of equal prefixes the last counts. False: the trie has no room (about two billion entries).
  [[nodiscard]] bool add(const std::uint8_t* key, unsigned length, LpmValue value);

  [[nodiscard]] LpmValue find(const std::uint8_t* key) const {
    std::uint32_t entry = entries_.data()[root_index(key)];
    for (unsigned at = 2; (entry & kNode) != 0; ++at)
      entry = entries_.data()[node_index(entry, key[at])];
    return entry;
  }

  [[nodiscard]] std::size_t memory_bytes() const { return entries_.size() * sizeof(entries_[0]); }

 private:
  static constexpr std::uint32_t kNode = 0x8000'0000;  ///< the entry is a node's number
  static constexpr std::size_t kRootSize = 65'536, kNodeSize = 256;
  static constexpr unsigned kRootBits = 16, kNodeBits = 8;

  [[nodiscard]] static std::size_t root_index(const std::uint8_t* key) { return load_be16(key); }
  [[nodiscard]] static std::size_t node_index(std::uint32_t entry, std::uint8_t byte) {
    return kRootSize + std::size_t{entry & ~kNode} * kNodeSize + byte;
  }

  /// The root, then the nodes in the order of their numbers. Look-ups read it unchecked: every
  /// entry that is a node's number was made with its node.
  std::vector<std::uint32_t> entries_;
};

using Lpm4 = Lpm<4>;
using Lpm6 = Lpm<16>;

extern template class Lpm<4>;
extern template class Lpm<16>;

}  // namespace sluice::route
