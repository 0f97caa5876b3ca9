#include "dataplane/balancer/tunnel.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::balancer {
namespace {

/// RFC 1700; RFC 2003 section 3.1 and RFC 2473 section 6.3 leave it to the tunnel's entry.
constexpr std::uint8_t kTtl = 64;

/// Bits after the prefix, as far as the last four bytes hold them.
std::uint32_t spread_of(const Prefix& source) {
  const unsigned bits = std::min((source.is_v4() ? 32U : 128U) - source.length, 32U);
  return bits == 32 ? ~0U : (1U << bits) - 1U;
}

void fill_ip(Tunnel& tunnel, const IpAddress& from, const IpAddress& to, bool inner_v4) {
  std::uint8_t* ip = tunnel.header.data();
  const std::uint8_t inner = inner_v4 ? ip_protocol::kIpv4 : ip_protocol::kIpv6;
  const std::uint8_t protocol = tunnel.gue ? ip_protocol::kUdp : inner;
  if (tunnel.ip_version == 4) {
    ip[0] = 0x45;
    ip[8] = kTtl;
    ip[9] = protocol;
    std::memcpy(ip + 12, from.network(), 4);
    std::memcpy(ip + 16, to.network(), 4);
    tunnel.sum = checksum_fold(checksum_raw(ip, Tunnel::kIpv4Size));
    return;
  }
  ip[0] = 0x60;
  ip[6] = protocol;
  ip[7] = kTtl;
  std::memcpy(ip + 8, from.network(), 16);
  std::memcpy(ip + 24, to.network(), 16);
}

}  // namespace

Prefix source_of(const TunnelSource& source, const IpAddress& destination, const Way& way) {
  for (const Prefix& own : source.sources)
    if (own.is_v4() == destination.is_v4()) return own;
  if (way.source.is_unspecified() || way.source.is_v4() != destination.is_v4()) return {};
  return {way.source, static_cast<std::uint8_t>(destination.is_v4() ? 32 : 128)};
}

Tunnel tunnel_to(const IpAddress& destination, const TunnelSource& source, Mode mode,
                 const Way& way, bool inner_v4) {
  constexpr unsigned kTcpSize = 20;
  const Prefix from = source_of(source, destination, way);
  Tunnel tunnel;
  tunnel.ip_version = destination.is_v4() ? 4 : 6;
  tunnel.gue = mode == Mode::gue;
  tunnel.size = static_cast<std::uint8_t>(tunnel.ip_size() + (tunnel.gue ? Tunnel::kUdpSize : 0U));
  tunnel.mtu = way.mtu;
  tunnel.spread = spread_of(from);
  fill_ip(tunnel, from.address, destination, inner_v4);
  if (tunnel.gue) store_be16(tunnel.header.data() + tunnel.ip_size() + 2, source.port);
  const unsigned headers = kTcpSize + (inner_v4 ? Tunnel::kIpv4Size : Tunnel::kIpv6Size);
  const unsigned fits = tunnel.inner_mtu(inner_v4);
  if (source.clamp && fits > headers) tunnel.segment = static_cast<std::uint16_t>(fits - headers);
  return tunnel;
}

void check_tunnels(const ServiceSource& service, const std::string& where, const Ways& ways,
                   std::vector<Error>& errors) {
  const auto report = [&](std::string at, std::string what, std::string fix) {
    errors.push_back({std::move(what), std::move(at), std::move(fix)});
  };
  if (service.mode == Mode::gue && service.tunnel.port == 0)
    report(where, "port 0 is no port of GUE", "use 1 to 65535");
  std::array<unsigned, 2> of_family{};
  for (const Prefix& source : service.tunnel.sources) {
    if (++of_family[source.is_v4() ? 0 : 1] == 2)
      report(where, "its tunnel has more than one source of a family", "keep one of each family");
    if (source.network() != source)
      report(where, source.text() + " has bits set after its length",
             "write " + source.network().text());
  }
  for (const BackendSource& backend : service.backends)
    for (const IpAddress& address : backend.addresses)
      if (source_of(service.tunnel, address, way_to(ways, address)).length == 0)
        report(where + ", backend " + backend.name,
               "there is no source for the tunnel to " + address.text(),
               "give the tunnel a source of that family, or a port an address");
}

}  // namespace sluice::balancer
