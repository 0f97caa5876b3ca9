// Zones in, queries on standard input, answers on standard output: the name server's packet path as
// a filter, for comparison with other name servers.
//
//   dns_oracle ORIGIN=FILE...
//
// A query is one octet of transport (0 UDP over IPv4, 1 UDP over IPv6, 2 TCP), two of length, and
// the message; an answer is two of length, 0 if there is none, and the message.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "dataplane/dns/stages.hpp"
#include "dataplane/packet/bytes.hpp"
#include "tests/support/stage_harness.hpp"

namespace {

using namespace sluice;
using test::Bytes;

constexpr std::uint16_t kUdpSizeMax = 4096;  // the setting of the servers compared with

std::shared_ptr<const dns::ZoneSet> load(int argc, char** argv, SlotRegistry& slots) {
  dns::Source source;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    const std::string file = argument.substr(equals + 1);
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    source.zones.push_back({argument.substr(0, equals), text.str(), file});
  }
  source.servers.push_back(
      {"oracle",
       {*IpAddress::parse("198.18.100.53"), *IpAddress::parse("2001:2:0:100::53")},
       53,
       kUdpSizeMax});
  auto zones = dns::compile(source, slots);
  if (zones) return *zones;
  for (const Error& error : zones.error()) std::cerr << error.text() << '\n';
  return nullptr;
}

Bytes over_udp(test::StageHarness& harness, const dns::ZoneSet& zones, bool ipv6, Bytes query) {
  auto packet = test::packet();
  if (ipv6) {
    packet.ip("2001:2::2", "2001:2:0:100::53");
  } else {
    packet.ip("198.18.0.2", "198.18.100.53");
  }
  test::TestBurst burst(harness, {packet.udp(5353, 53).payload(std::move(query)).build()});
  dns::answer(harness.context, zones, burst.burst, burst.burst.alive);
  if (burst[0].verdict != Verdict::answered) return {};
  return {burst[0].data + burst[0].payload, burst[0].data + burst[0].end};
}

Bytes over_tcp(const dns::ZoneSet& zones, const Bytes& query) {
  Bytes buffer(65535);
  const auto answer = dns::answer_stream(zones, query, buffer);
  return {answer.begin(), answer.end()};
}

bool read_exactly(std::uint8_t* to, std::size_t size) {
  return std::fread(to, 1, size, stdin) == size;
}

}  // namespace

int main(int argc, char** argv) {
  test::StageHarness harness({.room = 8192});
  const auto zones = load(argc, argv, harness.registry);
  if (zones == nullptr) return 1;
  std::uint8_t head[3];
  while (read_exactly(head, sizeof head)) {
    Bytes query(load_be16(head + 1));
    if (!read_exactly(query.data(), query.size())) return 1;
    const Bytes answer = head[0] == 2 ? over_tcp(*zones, query)
                                      : over_udp(harness, *zones, head[0] == 1, std::move(query));
    std::uint8_t size[2];
    store_be16(size, static_cast<std::uint16_t>(answer.size()));
    std::fwrite(size, 1, sizeof size, stdout);
    std::fwrite(answer.data(), 1, answer.size(), stdout);
    std::fflush(stdout);
  }
  return 0;
}
