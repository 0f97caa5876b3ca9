#include "dataplane/firewall/classifier/classifier.hpp"

namespace sluice::firewall {

void Classifier::select(const PacketView& view, Selection& selection) const {
  selection.rows[0] = row(0);
  unsigned count = 1;
  for (const auto& [dimension, table] : small_)
    selection.rows[count++] = row(table[view.small[dimension]]);
  selection.count = count;
  selection.complete = false;
}

void Classifier::complete(const PacketView& view, Selection& selection) const {
  const auto add = [&](std::uint32_t index) { selection.rows[selection.count++] = row(index); };
  const std::array<std::uint16_t, 2> port{view.source_port, view.destination_port};
  const std::array<std::uint32_t, 2> address4{view.source4, view.destination4};
  const std::array<const IpAddress*, 2> address6{view.source, view.destination};
  for (unsigned end = 0; end < 2; ++end) {
    if (!ports_[end].empty()) add(view.has_ports ? ports_[end].find(port[end]) : no_port_[end]);
    // Entries for the other family are out already: they ask for it in its own dimension.
    if (view.is_v4) {
      if (!addresses4_[end].empty()) add(addresses4_[end].find(address4[end]));
    } else if (!addresses6_[end].empty()) {
      add(addresses6_[end].find(number_of(*address6[end])));
    }
  }
  selection.complete = true;
}

std::uint64_t Classifier::meet(const Selection& selection, std::uint32_t word) const {
  std::uint64_t bits = selection.rows[0][word];
  for (unsigned i = 1; i < selection.count; ++i) bits &= selection.rows[i][word];
  return bits;
}

std::uint32_t Classifier::scan(const Selection& selection, std::uint32_t from) const {
  std::uint32_t word = from / 64;
  if (word >= words_) return size_;
  std::uint64_t bits = meet(selection, word) & (~std::uint64_t{0} << (from % 64));
  while (bits == 0) {
    if (++word >= words_) return size_;
    if (aggregated_) {
      std::uint64_t candidates = 0;
      while (candidates == 0) {
        candidates = meet(selection, words_ + word / 64) & (~std::uint64_t{0} << (word % 64));
        if (candidates == 0) word = (word / 64 + 1) * 64;
        if (word >= words_) return size_;
      }
      word = word / 64 * 64 + static_cast<std::uint32_t>(std::countr_zero(candidates));
    }
    bits = meet(selection, word);
  }
  return word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
}

std::uint32_t Classifier::next(const PacketView& view, Selection& selection,
                               std::uint32_t from) const {
  const std::uint32_t found = scan(selection, from);
  if (found == size_ || selection.complete) return found;
  if (((needs_large_[found / 64] >> (found % 64)) & 1U) == 0) return found;
  complete(view, selection);
  return scan(selection, found);
}

std::size_t Classifier::bytes() const {
  return bits_.size() * sizeof(std::uint64_t) + small_.size() * sizeof(SmallTable);
}

}  // namespace sluice::firewall
