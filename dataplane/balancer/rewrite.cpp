#include "dataplane/balancer/rewrite.hpp"

namespace sluice::balancer {
namespace {

/// Of a header that may be cut short.
void apply_transport(const Headers& h, const ChecksumChange& change) {
  constexpr unsigned kTcpLeast = 18, kUdpLeast = 8;
  if (h.l4_available >= (h.protocol == ip_protocol::kTcp ? kTcpLeast : kUdpLeast))
    change.apply_transport(h.l4, h.protocol);
}

}  // namespace

void rewrite(const Headers& h, End end, const IpAddress& address, std::uint16_t port) {
  const bool v4 = h.ip_version == 4;
  const bool to = end == End::destination;
  const unsigned size = v4 ? 4 : 16;
  std::uint8_t* at = h.l3 + (v4 ? 12 : 8) + (to ? size : 0);
  const std::uint8_t* bytes = address.bytes.data() + (v4 ? 12 : 0);
  ChecksumChange change;
  for (unsigned i = 0; i < size; i += 4) detail::replace<std::uint32_t>(at + i, bytes + i, change);
  if (v4) change.apply(h.l3 + 10);
  if (!has_ports(h.protocol)) return;
  std::uint8_t wire[2];
  store_be16(wire, port);
  detail::replace<std::uint16_t>(h.l4 + (to ? 2 : 0), wire, change);
  apply_transport(h, change);
}

void readdress(Packet& p, End end, const IpAddress& address) {
  rewrite(Headers{.l3 = p.l3_bytes(), .ip_version = p.ip_version, .protocol = p.key.protocol}, end,
          address, 0);
  (end == End::destination ? p.key.destination : p.key.source) = address;
}

}  // namespace sluice::balancer
