#include "bench/path/cases.hpp"

#include <functional>
#include <string>

#include "bench/path/balance.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice::bench {
namespace {

using test::Bytes;
using test::PacketBuilder;

// Behind the port; each gateway and backend has this address.
constexpr MacAddress kGateway{{0x02, 0, 0, 0, 0, 0x99}};
constexpr int kNetworks = 256;  ///< 203.0.0.0/24, 203.0.1.0/24, ..., each with its route
constexpr int kNames = 10'000;  ///< h0000.bench.test, h0001.bench.test, ...
constexpr std::uint16_t kIp = 14, kUdp = kIp + 20, kMessage = kUdp + 8;
// Frames without their check sequence.
constexpr unsigned kSmall = 64, kMiddle = 590, kLarge = 1514;

[[nodiscard]] Sources base(const MacAddress& mac) {
  Sources sources;
  route::PortSource port;
  port.name = "p0";
  port.id = 0;
  port.mac = mac;
  port.mtu = 1600;  // the largest frames go in tunnels
  port.addresses = {Prefix::parse("198.18.0.1/24").value()};
  port.neighbours = {{IpAddress::parse("198.18.0.9").value(), kGateway}};
  for (int i = 11; i < 27; ++i) {
    port.neighbours.push_back(
        {IpAddress::parse("198.18.0." + std::to_string(i)).value(), kGateway});
  }
  sources.route.ports.push_back(port);
  route::RouteEntry route;
  route.prefix = Prefix::parse("0.0.0.0/0").value();
  route.via = IpAddress::parse("198.18.0.9").value();
  sources.route.routes.push_back(route);
  for (int i = 0; i < kNetworks; ++i) {
    route.prefix = Prefix::parse("203.0." + std::to_string(i) + ".0/24").value();
    route.via = IpAddress::parse("198.18.0." + std::to_string(11 + i % 16)).value();
    sources.route.routes.push_back(route);
  }
  sources.firewall.ports.push_back({"p0", 0});
  return sources;
}

/// From `builder` (Ethernet and IP) and `finish`, which adds the rest.
using Finish = std::function<void(PacketBuilder&)>;

[[nodiscard]] Bytes frame(const MacAddress& mac, const char* destination, const Finish& finish) {
  PacketBuilder builder;
  builder.ethernet(mac, kGateway).ip("16.1.0.0", destination);
  finish(builder);
  return builder.build();
}

/// The flow's destination is in one of the networks.
[[nodiscard]] std::vector<Variation> many_networks() {
  Variation v{.grows = kIp + 18, .shrinks = kUdp + 2, .in_ip_header = true, .amounts = {}};
  for (int i = 0; i < kNetworks; ++i) v.amounts.push_back(static_cast<std::uint16_t>(i << 8));
  return {v};
}

/// The flow asks for one of the names: two digits and two more, made up for in the message's id.
[[nodiscard]] std::vector<Variation> many_names() {
  Variation v{.grows = 0, .shrinks = kMessage, .in_ip_header = false, .amounts = {}};
  for (int i = 0; i < 100; ++i)
    v.amounts.push_back(static_cast<std::uint16_t>((i / 10) << 8 | i % 10));
  std::vector<Variation> both{v, v};
  both[0].grows = kMessage + 14;
  both[1].grows = kMessage + 16;
  return both;
}

/// Each of the services in turn; made up for in the source port.
[[nodiscard]] std::vector<Variation> many_services(std::uint32_t services) {
  Variation v{.grows = kIp + 18, .shrinks = kUdp, .in_ip_header = true, .amounts = {}};
  for (std::uint32_t i = 0; i < services; ++i) v.amounts.push_back(static_cast<std::uint16_t>(i));
  return {v};
}

/// UDP of the sizes that the load asks for, 7 small ones and 4 middle ones for each large one.
[[nodiscard]] std::vector<Bytes> udp_frames(const Load& load, const MacAddress& mac,
                                            const char* destination, std::uint16_t port) {
  std::vector<unsigned> sizes{kSmall};
  if (load.imix)
    sizes = {kSmall, kMiddle, kSmall, kMiddle, kSmall, kLarge,
             kSmall, kMiddle, kSmall, kMiddle, kSmall, kSmall};
  std::vector<Bytes> frames;
  for (const unsigned size : sizes)
    frames.push_back(frame(mac, destination, [&](PacketBuilder& builder) {
      builder.udp(5000, port).payload(Bytes(size - kMessage));
    }));
  return frames;
}

[[nodiscard]] std::string hundred_rules() {
  std::string rules =
      "table inet bench {\n  chain forward {\n    type filter hook forward priority 0; policy "
      "accept;\n"
      "    ct state established accept\n";
  for (int i = 0; i < 99; ++i) {
    rules += "    ip saddr 10." + std::to_string(i) + ".0.0/16 udp dport " +
             std::to_string(1000 + i) + " counter drop\n";
  }
  return rules + "  }\n}\n";
}

[[nodiscard]] std::string zone_of_names() {
  std::string zone =
      "@ 300 IN SOA ns1 host 1 3600 600 86400 60\n@ 300 IN NS ns1\nns1 60 IN A 198.18.100.53\n";
  for (int i = 0; i < kNames; ++i) {
    zone += "h" + std::to_string(kNames + i).substr(1) + " 60 IN A 192.0.2." +
            std::to_string(i % 250 + 1) + "\n";
  }
  return zone;
}

/// h0000.bench.test A, with EDNS: 12 + 18 + 4 + 11 octets.
[[nodiscard]] Bytes query() {
  Bytes q{0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  for (const std::string_view label : {"h0000", "bench", "test"}) {
    q.push_back(static_cast<std::uint8_t>(label.size()));
    q.insert(q.end(), label.begin(), label.end());
  }
  for (const int b : {0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0})
    q.push_back(static_cast<std::uint8_t>(b));
  return q;
}

}  // namespace

std::optional<Case> make_case(const Load& load, const MacAddress& mac) {
  Sources sources = base(mac);
  const auto stamp = [&](std::vector<Bytes> frames, const std::vector<Variation>& variations) {
    return FlowStamp(frames, load.flows, load.fresh_percent, variations);
  };
  if (load.name == "forward" || load.name == "filter") {
    if (load.name == "filter")
      sources.firewall.rules.push_back({"bench", hundred_rules(), "bench:1"});
    return Case{std::move(sources), stamp(udp_frames(load, mac, "203.0.0.7", 9), many_networks())};
  }
  if (load.name == "balance") {
    sources.balancer.services = balanced_services(load);
    return Case{std::move(sources), stamp(udp_frames(load, mac, kFirstService, kServicePort),
                                          many_services(load.services))};
  }
  if (load.name == "dns") {
    sources.dns.zones.push_back({"bench.test", zone_of_names(), "bench.zone"});
    dns::ServerSource server;
    server.name = "bench";
    server.addresses = {IpAddress::parse("198.18.100.53").value()};
    sources.dns.servers.push_back(server);
    const Bytes question = frame(mac, "198.18.100.53", [](PacketBuilder& builder) {
      builder.udp(5000, 53).payload(query());
    });
    return Case{std::move(sources), stamp({question}, many_names())};
  }
  return std::nullopt;
}

}  // namespace sluice::bench
