/// What the route tables are compiled from: plain values, as the configuration states them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/packet/address.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::route {

struct StaticNeighbour {
  IpAddress address;
  MacAddress mac;
};

/// A port as routing sees it. PortId is its index in the node's list of ports.
struct PortSource {
  std::string name;
  PortId id = kNoPort;
  MacAddress mac;
  bool any_station = false;  ///< frames to every Ethernet address are ours: `mac` is made up
  std::uint16_t mtu = 1500;
  std::vector<Prefix> addresses;  ///< interface addresses with their prefix lengths
  std::vector<StaticNeighbour> neighbours;
  bool router_solicitation = false;  ///< ask for a default router (RFC 4861 6.3.7)
};

struct RouteEntry {
  Prefix prefix;
  IpAddress via;          ///< unspecified: directly connected through `port`
  PortId port = kNoPort;  ///< kNoPort with `via`: the port whose prefix holds `via`
  bool blackhole = false;
};

/// What lives at one of our addresses, a bit each; an address may have several.
namespace local_kind {
inline constexpr std::uint8_t kHost =
    1;  ///< interface address: ICMP is ours, the rest is the host's
inline constexpr std::uint8_t kService = 2;     ///< address of a balanced service
inline constexpr std::uint8_t kNameServer = 4;  ///< DNS over UDP is answered here
inline constexpr std::uint8_t kTunnel = 8;      ///< source of packets in tunnels to backends
inline constexpr std::uint8_t kLocalEnd = 16;   ///< what backends of full NAT see as the client
}  // namespace local_kind

struct LocalAddress {
  Prefix prefix;  ///< usually a single address
  std::uint8_t kinds = 0;
};

struct Source {
  std::vector<PortSource> ports;
  std::vector<RouteEntry> routes;
  std::vector<LocalAddress> locals;  ///< service and name server addresses; ports' own are added
  PortId host_port = kNoPort;        ///< the exception TAP, if there is one
  MacAddress host_mac;               ///< Ethernet address of the host's end of it
  /// Where nobody answers (replay): the Ethernet address of all neighbours that are not listed,
  /// instead of asking for it or learning it.
  std::optional<MacAddress> assumed_neighbour;
};

}  // namespace sluice::route
