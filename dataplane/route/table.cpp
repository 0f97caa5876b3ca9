#include "dataplane/route/table.hpp"

#include <algorithm>

namespace sluice::route {

const Port Table::kAbsentPort{};

std::uint32_t Table::find(const IpAddress& destination, PortId in_port) const {
  if (destination.is_v4()) return lpm4_.find(destination.network());
  return scoped(lpm6_.find(destination.network()), destination, in_port);
}

const TableEntry* Table::entry_of(const IpAddress& destination) const {
  for (int length = destination.is_v4() ? 32 : 128; length >= 0; --length) {
    const Prefix wanted = Prefix{destination, static_cast<std::uint8_t>(length)}.network();
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), wanted,
        [](const TableEntry& entry, const Prefix& prefix) { return entry.prefix < prefix; });
    if (found != entries_.end() && found->prefix == wanted) return &*found;
  }
  return nullptr;
}

bool Table::on_link(PortId id, const IpAddress& address) const {
  const Port& p = port(id);
  if (!address.is_v4() && address.is_link_local()) return p.known;
  return std::any_of(p.addresses.begin(), p.addresses.end(),
                     [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool Table::answers_for(PortId id, const IpAddress& address) const {
  if (!address.is_v4() && address.is_link_local()) return address == port(id).link_local;
  return is_local(find(address, id)) && on_link(id, address);
}

bool Table::is_ours(const IpAddress& address) const {
  if (!address.is_v4() && address.is_link_local()) {
    return std::any_of(ports_.begin(), ports_.end(),
                       [&](const Port& p) { return p.known && p.link_local == address; });
  }
  return is_local(find(address, kNoPort));
}

IpAddress Table::source_address(PortId id, bool v4) const {
  const auto first_of = [v4](const Port& p) -> const Prefix* {
    const auto it = std::find_if(p.addresses.begin(), p.addresses.end(),
                                 [v4](const Prefix& a) { return a.is_v4() == v4; });
    return it == p.addresses.end() ? nullptr : &*it;
  };
  if (const Prefix* own = first_of(port(id)); own != nullptr) return own->address;
  for (const Port& p : ports_) {
    if (const Prefix* other = first_of(p); other != nullptr) return other->address;
  }
  return v4 ? IpAddress::v4(0) : port(id).link_local;
}

IpAddress link_local_of(const MacAddress& mac) {
  IpAddress a;
  a.bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0};
  a.bytes[8] = mac.bytes[0] ^ 2U;
  a.bytes[9] = mac.bytes[1];
  a.bytes[10] = mac.bytes[2];
  a.bytes[11] = 0xff;
  a.bytes[12] = 0xfe;
  a.bytes[13] = mac.bytes[3];
  a.bytes[14] = mac.bytes[4];
  a.bytes[15] = mac.bytes[5];
  return a;
}

}  // namespace sluice::route
