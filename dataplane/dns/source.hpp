/// What the zone set is compiled from: plain values, as the configuration states them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/packet/flow_key.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::dns {

struct ZoneSource {
  std::string origin;  ///< "example.test", with or without the final dot
  std::string text;    ///< RFC 1035 master file
  std::string where;   ///< file name for errors
};

/// Limits of DNS over TCP (RFC 7766) at one server.
struct StreamSource {
  std::uint32_t connections_max = 1024;
  std::uint32_t connections_per_client_max = 64;
  Nanoseconds idle = 10 * kSecond;  ///< without a whole query
  auto operator<=>(const StreamSource&) const = default;
};

struct ServerSource {
  std::string name;
  std::vector<IpAddress> addresses;
  std::uint16_t port = 53;
  std::uint16_t udp_size_max = 1232;  ///< RFC 9715 and DNS flag day 2020
  StreamSource stream{};
};

struct Source {
  std::vector<ZoneSource> zones;
  std::vector<ServerSource> servers;
  HashSeed seed;  ///< keys the table of names; drawn at start
};

}  // namespace sluice::dns
