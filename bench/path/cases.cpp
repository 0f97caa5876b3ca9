#include "bench/path/cases.hpp"

#include <string>

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

[[nodiscard]] Sources base(const MacAddress& mac) {
  Sources sources;
  route::PortSource port;
  port.name = "p0";
  port.id = 0;
  port.mac = mac;
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

template <class Finish>
[[nodiscard]] FlowStamp stamp(const MacAddress& mac, const char* destination, std::uint32_t flows,
                              Finish&& finish, const std::vector<Variation>& variations = {}) {
  PacketBuilder builder;
  builder.ethernet(mac, kGateway).ip("16.1.0.0", destination);
  finish(builder);
  return {builder.build(), flows, variations};
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

[[nodiscard]] auto udp_to(std::uint16_t port) {
  return [port](PacketBuilder& builder) { builder.udp(5000, port).payload(Bytes(22)); };
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

[[nodiscard]] balancer::ServiceSource service() {
  balancer::ServiceSource out;
  out.name = "bench";
  out.addresses = {IpAddress::parse("198.18.100.80").value()};
  out.port = 80;
  out.protocol = ip_protocol::kUdp;
  for (int i = 11; i < 27; ++i) {
    balancer::BackendSource backend;
    backend.name = "be" + std::to_string(i);
    backend.addresses = {IpAddress::parse("198.18.0." + std::to_string(i)).value()};
    backend.port = 8080;
    out.backends.push_back(backend);
  }
  return out;
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

std::optional<Case> make_case(std::string_view name, std::uint32_t flows, const MacAddress& mac) {
  Sources sources = base(mac);
  if (name == "forward")
    return Case{std::move(sources), stamp(mac, "203.0.0.7", flows, udp_to(9), many_networks())};
  if (name == "filter") {
    sources.firewall.rules.push_back({"bench", hundred_rules(), "bench:1"});
    return Case{std::move(sources), stamp(mac, "203.0.0.7", flows, udp_to(9), many_networks())};
  }
  if (name == "balance") {
    sources.balancer.services.push_back(service());
    return Case{std::move(sources), stamp(mac, "198.18.100.80", flows, udp_to(80))};
  }
  if (name == "dns") {
    sources.dns.zones.push_back({"bench.test", zone_of_names(), "bench.zone"});
    dns::ServerSource server;
    server.name = "bench";
    server.addresses = {IpAddress::parse("198.18.100.53").value()};
    sources.dns.servers.push_back(server);
    return Case{
        std::move(sources),
        stamp(
            mac, "198.18.100.53", flows,
            [](PacketBuilder& builder) { builder.udp(5000, 53).payload(query()); }, many_names())};
  }
  return std::nullopt;
}

}  // namespace sluice::bench
