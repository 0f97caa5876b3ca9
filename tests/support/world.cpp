#include "tests/support/world.hpp"

#include <stdexcept>

#include "tests/support/packet_builder.hpp"

namespace sluice::test {
namespace {

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}
Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

constexpr const char* kRules = R"(table inet filter {
  set admins { type ipv4_addr; flags interval; elements = { 198.18.0.0/30, 203.0.113.7 } }
  counter telnet {}
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    tcp dport 2323 counter name "telnet" drop
    udp dport 9 reject
  }
  chain checks {
    tcp dport { 6000-6010, 7000 } reject with tcp reset
    ip saddr @admins accept
    icmp type echo-request accept
    ip6 nexthdr udp udp dport 5353 reject with icmpv6 type admin-prohibited
    return
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname "wan" jump checks
    ip saddr @blocked drop
    tcp flags & (fin|syn|rst|ack) == fin drop
    tcp dport 2323 counter drop
  }
}
)";

constexpr const char* kZone = R"($TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
@ MX 10 mail
ns1 A 198.18.100.53
ns1 AAAA 2001:2:0:100::53
www A 198.18.100.80
www AAAA 2001:2:0:100::80
alias CNAME www
away CNAME www.example.net.
mail A 198.18.1.25
*.wild TXT "anything below"
deep.empty.non A 192.0.2.1
_dns._udp SRV 0 5 53 ns1
sub NS ns.sub
sub DS 1 8 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
ns.sub A 192.0.2.53
big TXT "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "5123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big TXT "6123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
)";

route::Source routes() {
  route::Source out;
  route::PortSource wan;
  wan.name = "wan";
  wan.id = kWan;
  wan.mac = kOurMac;
  wan.addresses = {prefix("198.18.0.1/24"), prefix("2001:2::1/64")};
  wan.neighbours = {{address("198.18.0.2"), kTheirMac}, {address("2001:2::2"), kTheirMac}};
  wan.router_solicitation = true;
  route::PortSource lan;
  lan.name = "lan";
  lan.id = kLan;
  lan.mac = kOurMac;
  lan.mtu = 1280;
  lan.addresses = {prefix("198.18.1.1/24"), prefix("2001:2:0:1::1/64")};
  lan.neighbours = {{address("198.18.1.11"), kTheirMac}, {address("2001:2:0:1::11"), kTheirMac}};
  out.ports = {wan, lan};
  out.routes = {{prefix("203.0.113.0/24"), address("198.18.0.2"), kNoPort, false},
                {prefix("198.51.100.0/24"), {}, kNoPort, true},
                {prefix("2001:db8::/32"), address("2001:2::2"), kNoPort, false}};
  out.host_port = kHost;
  out.host_mac = MacAddress{{0x02, 0, 0, 0, 0, 0x77}};
  return out;
}

balancer::ServiceSource service(const char* name, const char* v4, const char* v6,
                                std::uint16_t port, std::uint8_t protocol, balancer::Mode mode) {
  balancer::ServiceSource out;
  out.name = name;
  out.addresses = {address(v4), address(v6)};
  out.port = port;
  out.protocol = protocol;
  out.mode = mode;
  out.table_size = 1021;
  const bool nat = balancer::replies_pass(mode);
  out.backends = {{.name = "be1",
                   .addresses = {address("198.18.1.11"), address("2001:2:0:1::11")},
                   .port = static_cast<std::uint16_t>(nat ? 8080 : 0)},
                  {.name = "be2",
                   .addresses = {address("198.18.1.12"), address("2001:2:0:1::12")},
                   .port = static_cast<std::uint16_t>(nat ? 8081 : 0)}};
  return out;
}

/// In a tunnel: one backend of both families, and one that takes either in IPv6.
balancer::ServiceSource tunnel(const char* name, const char* v4, const char* v6,
                               std::uint8_t protocol, balancer::Mode mode) {
  balancer::ServiceSource out = service(name, v4, v6, 80, protocol, mode);
  out.tunnel.sources = {prefix("172.16.0.0/16"), prefix("2001:db8:ffff::/48")};
  out.backends[1].addresses.erase(out.backends[1].addresses.begin());
  return out;
}

/// Backends see a local end; with `proxy`, a header too.
balancer::ServiceSource full_nat(const char* name, const char* v4, const char* v6,
                                 std::uint8_t protocol, std::uint8_t proxy) {
  balancer::ServiceSource out = service(name, v4, v6, 80, protocol, balancer::Mode::full_nat);
  out.local.addresses = {prefix("172.17.0.0/30"), prefix("2001:db8:fffe::/126")};
  out.local.last_port = 1027;
  out.proxy = proxy;
  return out;
}

}  // namespace

Sources world_sources() {
  using balancer::Mode;
  Sources out;
  out.route = routes();
  out.balancer.services = {
      service("web", "198.18.100.80", "2001:2:0:100::80", 80, ip_protocol::kTcp, Mode::nat),
      service("echo", "198.18.100.82", "2001:2:0:100::82", 7, ip_protocol::kUdp, Mode::nat),
      service("direct", "198.18.100.81", "2001:2:0:100::81", 80, ip_protocol::kTcp,
              Mode::direct_return),
      tunnel("ipip", "198.18.100.84", "2001:2:0:100::84", ip_protocol::kTcp, Mode::ipip),
      tunnel("gue", "198.18.100.85", "2001:2:0:100::85", ip_protocol::kUdp, Mode::gue),
      full_nat("full", "198.18.100.86", "2001:2:0:100::86", ip_protocol::kTcp, 2),
      full_nat("full-udp", "198.18.100.87", "2001:2:0:100::87", ip_protocol::kUdp, 0)};
  out.balancer.flows_max = 16;
  out.dns.zones = {{"example.test", kZone, "example.test.zone"}};
  out.dns.servers = {
      {.name = "dns", .addresses = {address("198.18.100.53"), address("2001:2:0:100::53")}}};
  out.firewall.rules = {{"edge", kRules, "edge:1"}};
  out.firewall.sets = {{"blocked", {prefix("198.18.0.128/25"), prefix("2001:2::8000/113")}},
                       {"early", {prefix("198.18.0.64/26")}, true}};
  out.firewall.ports = {{"wan", kWan}, {"lan", kLan}};
  out.firewall.tracking.connections_max = 16;
  return out;
}

std::shared_ptr<const Snapshot> world_snapshot() {
  static const auto compiled = [] {
    SlotRegistry registry(kWorldSlots);
    auto result = compile(world_sources(), 1, registry);
    if (!result) throw std::logic_error(result.error().front().text());
    return *result;
  }();
  return compiled;
}

std::shared_ptr<const dns::ZoneSet> world_zones() {
  return world_snapshot()->dns;
}

}  // namespace sluice::test
