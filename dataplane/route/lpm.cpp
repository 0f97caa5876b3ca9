#include "dataplane/route/lpm.hpp"

#include <algorithm>

namespace sluice::route {

template <unsigned KeyBytes>
Lpm<KeyBytes>::Lpm() : entries_(kRootSize, 0) {}

template <unsigned KeyBytes>
bool Lpm<KeyBytes>::add(const std::uint8_t* key, unsigned length, LpmValue value) {
  std::size_t index = root_index(key);
  unsigned end_bit = kRootBits;
  for (unsigned at = 2; length > end_bit; ++at, end_bit += kNodeBits) {
    const std::uint32_t entry = entries_[index];
    if ((entry & kNode) == 0) {
      const std::size_t node = (entries_.size() - kRootSize) / kNodeSize;
      if (node >= kNode / kNodeSize) return false;
      entries_[index] = kNode | static_cast<std::uint32_t>(node);
      entries_.insert(entries_.end(), kNodeSize, entry);  // leaf pushing
    }
    index = node_index(entries_[index], key[at]);
  }
  // All prefixes so far are at most as long: the range holds no nodes, only shorter matches.
  const auto from = entries_.begin() + static_cast<std::ptrdiff_t>(index);
  std::fill_n(from, std::size_t{1} << (end_bit - length), value);
  return true;
}

template class Lpm<4>;
template class Lpm<16>;

}  // namespace sluice::route
