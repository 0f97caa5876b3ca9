#include "dataplane/firewall/tracking/fragment_table.hpp"

#include <algorithm>

#include "dataplane/packet/bytes.hpp"

namespace sluice::firewall {
namespace {

/// The identification in the fragment header of an IPv6 packet that parse has accepted.
std::optional<std::uint32_t> identification6(const Packet& packet) {
  constexpr unsigned kHeader = 40;
  const std::size_t start = std::size_t{packet.l3} + kHeader;
  if (packet.l4 < start) return std::nullopt;
  std::uint8_t next = packet.l3_bytes()[6];
  ByteReader reader({packet.data + start, packet.l4 - start});
  while (reader.ok() && reader.left() != 0) {
    const std::uint8_t following = reader.u8();
    const std::uint8_t size = reader.u8();
    if (next == 44) {
      reader.skip(2);
      const std::uint32_t id = reader.u32();
      return reader.ok() ? std::optional(id) : std::nullopt;
    }
    // Authentication headers count in units of four octets (RFC 4302).
    reader.skip(next == 51 ? (size + 2U) * 4U - 2U : (size + 1U) * 8U - 2U);
    next = following;
  }
  return std::nullopt;
}

}  // namespace

std::optional<DatagramId> datagram_of(const Packet& fragment) {
  DatagramId id{.source = fragment.key.source,
                .destination = fragment.key.destination,
                .protocol = fragment.key.protocol};
  if (fragment.ip_version == 4) {
    id.id = load_be16(fragment.l3_bytes() + 4);
    return id;
  }
  const auto identification = identification6(fragment);
  if (!identification) return std::nullopt;
  id.id = *identification;
  return id;
}

FragmentTable::Entry* FragmentTable::set_of(const DatagramId& id, const HashSeed& seed) const {
  FlowKey key{.source = id.source, .destination = id.destination};
  key.source_port = static_cast<std::uint16_t>(id.id >> 16U);
  key.destination_port = static_cast<std::uint16_t>(id.id);
  key.protocol = id.protocol;
  return &entries_[hash_of(key, seed) % (kDatagrams / kWays) * kWays];
}

void FragmentTable::remember(const DatagramId& id, Ports ports, const HashSeed& seed,
                             Nanoseconds now) {
  Entry* const set = set_of(id, seed);
  Entry* entry = std::find_if(set, set + kWays, [&](const Entry& e) { return e.id == id; });
  if (entry == set + kWays)
    entry = std::min_element(set, set + kWays,
                             [](const Entry& a, const Entry& b) { return a.expires < b.expires; });
  *entry = {id, ports, now + kLifetime};
}

std::optional<FragmentTable::Ports> FragmentTable::find(const DatagramId& id, const HashSeed& seed,
                                                        Nanoseconds now) const {
  const Entry* const set = set_of(id, seed);
  for (const Entry* entry = set; entry != set + kWays; ++entry)
    if (entry->expires > now && entry->id == id) return entry->ports;
  return std::nullopt;
}

}  // namespace sluice::firewall
