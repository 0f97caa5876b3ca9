#include <array>

#include "dataplane/route/stages.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {
namespace {

const IpAddress& destination_of(const Packet& p) {
  return p.via != nullptr ? *p.via : p.key.destination;
}

/// Where in an address the trie's keys begin.
template <class Trie>
constexpr std::size_t kOffset = std::is_same_v<Trie, Lpm4> ? 12 : 0;

/// Two walks, after the root's line was fetched: the root's entry with the next line, the rest.
template <class Trie>
std::uint64_t look_up(const Table& table, const Trie& trie, std::uint64_t mask, Burst& burst) {
  std::uint64_t ours = 0;
  std::array<std::uint32_t, kBurstMax> entries;
  const auto walk = [mask, &burst](auto&& visit) {
    for (std::uint64_t rest = mask; rest != 0; rest &= rest - 1) {
      const auto i = static_cast<unsigned>(std::countr_zero(rest));
      Packet& p = burst.packets.data()[i];
      visit(i, p, destination_of(p).bytes.data() + kOffset<Trie>);
    }
  };
  walk([&](unsigned i, Packet&, const std::uint8_t* key) { entries.data()[i] = trie.first(key); });
  walk([&](unsigned i, Packet& p, const std::uint8_t* key) {
    const LpmValue value = trie.finish(key, entries.data()[i]);
    if constexpr (std::is_same_v<Trie, Lpm4>) {
      p.next_hop = value;
    } else {
      p.next_hop = table.scoped(value, IpAddress::from(key, 16), p.in_port);
    }
    ours |= std::uint64_t{table.kinds(p.next_hop) != 0} << i;
  });
  return ours;
}

}  // namespace

std::uint64_t look_up(Context&, const Table& table, Burst& burst) {
  std::uint64_t v4 = 0;
  std::uint64_t v6 = 0;
  burst.for_each_alive([&](unsigned i, const Packet& p) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (p.ip_version == 4) {
      v4 |= bit;
      table.lpm4().prefetch_root(destination_of(p).bytes.data() + kOffset<Lpm4>);
    } else if (p.ip_version == 6) {
      v6 |= bit;
      table.lpm6().prefetch_root(destination_of(p).bytes.data());
    }
  });
  std::uint64_t ours = 0;
  if (v4 != 0) ours |= look_up(table, table.lpm4(), v4, burst);
  if (v6 != 0) ours |= look_up(table, table.lpm6(), v6, burst);
  return ours;
}

}  // namespace sluice::route
