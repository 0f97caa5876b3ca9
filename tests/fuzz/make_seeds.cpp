// Writes the seeds of the packet targets, made of right frames, into the folder of the corpus:
// make_seeds tests/fuzz/corpus. What it writes is kept in the tree.
#include <filesystem>
#include <fstream>
#include <map>

#include "dataplane/replay/capture_writer.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice::fuzz {
namespace {

using test::Bytes;
using test::PacketBuilder;
namespace fs = std::filesystem;

constexpr const char* kClient4 = "198.18.0.2";
constexpr const char* kClient6 = "2001:2::2";

void write(const fs::path& folder, const std::string& name, const Bytes& bytes) {
  fs::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes be16(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}

PacketBuilder from(const char* source, const char* destination) {
  PacketBuilder builder;
  builder.ip(source, destination);
  return builder;
}

/// A query for NAME TYPE IN, with OPT if `payload` is not 0.
Bytes query(std::initializer_list<std::string_view> labels, std::uint8_t type,
            std::uint16_t payload = 0) {
  Bytes out{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(payload != 0)};
  for (const std::string_view label : labels) {
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  out = out + Bytes{0, 0, type, 0, 1};
  if (payload != 0) out = out + Bytes{0, 0, 41} + be16(payload) + Bytes{0, 0, 0x80, 0, 0, 0};
  return out;
}

std::map<std::string, Bytes> queries() {
  return {{"a", query({"www", "example", "test"}, 1)},
          {"aaaa-edns", query({"WWW", "example", "test"}, 28, 1232)},
          {"alias", query({"alias", "example", "test"}, 1, 512)},
          {"any", query({"example", "test"}, 255, 4096)},
          {"axfr", query({"example", "test"}, 252)},
          {"big", query({"big", "example", "test"}, 16)},
          {"ds-at-cut", query({"sub", "example", "test"}, 43, 1232)},
          {"empty-non-terminal", query({"empty", "non", "example", "test"}, 1)},
          {"nxdomain", query({"none", "example", "test"}, 1, 1232)},
          {"referral", query({"host", "sub", "example", "test"}, 28, 1232)},
          {"refused", query({"www", "example", "org"}, 1)},
          {"root", query({}, 2)},
          {"wildcard", query({"x", "y", "wild", "example", "test"}, 16, 600)}};
}

/// To services whose backends are reached in tunnels, what comes back, and errors about the outer
/// header.
void add_tunnels(bool v4, std::map<std::string, Bytes>& out) {
  const std::string suffix = v4 ? "-v4" : "-v6";
  const char* client = v4 ? kClient4 : kClient6;
  const char* ipip = v4 ? "198.18.100.84" : "2001:2:0:100::84";
  const char* gue = v4 ? "198.18.100.85" : "2001:2:0:100::85";
  const char* source = v4 ? "172.16.0.9" : "2001:db8:ffff::9";
  const char* end = v4 ? "198.18.1.11" : "2001:2:0:1::11";
  const char* router = v4 ? "198.18.1.77" : "2001:2:0:1::77";
  const Bytes syn =
      from(client, ipip).tcp(4001, 80, tcp_flag::kSyn).tcp_options({2, 4, 5, 0xb4}).build();
  const Bytes inner(syn.begin() + 14, syn.end());
  const Bytes outer = from(source, end).protocol(v4 ? 4 : 41).payload(inner).build();
  out["tunnel-syn" + suffix] = syn;
  out["tunnel-answer" + suffix] = from(ipip, client)
                                      .tcp(80, 4001, tcp_flag::kSyn | tcp_flag::kAck)
                                      .tcp_options({1, 2, 4, 5, 0xb4})
                                      .build();
  out["tunnel-udp" + suffix] = from(client, gue).udp(4000, 80).payload("in UDP").build();
  out["tunnel-too-big" + suffix] =
      from(client, ipip).do_not_fragment().tcp(4001, 80).payload(Bytes(1300, 7)).build();
  out["tunnel-ttl" + suffix] = from(client, gue).ttl(1).udp(4000, 80).build();
  out["tunnel-error" + suffix] = from(router, source)
                                     .icmp(v4 ? 3 : 2, v4 ? 4 : 0, 1200)
                                     .payload(Bytes(outer.begin() + 14, outer.end()))
                                     .build();
}

std::map<std::string, Bytes> frames() {
  std::map<std::string, Bytes> out;
  for (const bool v4 : {true, false}) {
    const std::string suffix = v4 ? "-v4" : "-v6";
    const char* client = v4 ? kClient4 : kClient6;
    const char* backend = v4 ? "198.18.1.11" : "2001:2:0:1::11";
    const char* service = v4 ? "198.18.100.80" : "2001:2:0:100::80";
    const char* server = v4 ? "198.18.100.53" : "2001:2:0:100::53";
    const char* ours = v4 ? "198.18.0.1" : "2001:2::1";
    out["syn" + suffix] = from(client, service).tcp(4001, 80, tcp_flag::kSyn).build();
    out["udp" + suffix] = from(client, backend).udp(4000, 9).payload("forwarded").build();
    out["echo" + suffix] = from(client, ours).echo_request(7).build();
    out["to-the-host" + suffix] = from(client, ours).tcp(4000, 22, tcp_flag::kSyn).build();
    out["dns-over-tcp" + suffix] = from(client, server).tcp(4000, 53, tcp_flag::kSyn).build();
    out["closed-port" + suffix] = from(client, service).tcp(4000, 81, tcp_flag::kSyn).build();
    out["closed-port-udp" + suffix] = from(client, service).udp(4000, 81).build();
    out["no-route" + suffix] = from(client, v4 ? "192.0.2.1" : "2001:db9::1").udp(4000, 81).build();
    out["too-big" + suffix] =
        from(client, backend).do_not_fragment().udp(4000, 7).payload(Bytes(1300, 7)).build();
    out["ttl" + suffix] = from(client, backend).ttl(1).udp(4000, 7).build();
    out["rejected" + suffix] = from(client, backend).tcp(4000, 6001, tcp_flag::kSyn).build();
    out["vlan" + suffix] = from(client, backend).vlan(7, 0x88a8).vlan(8).udp(1, 2).build();
    out["fragment" + suffix] =
        from(client, backend).fragment(0, true).udp(1, 2).payload(Bytes(24, 1)).build();
    out["fragment-later" + suffix] =
        from(client, backend).fragment(32, false).protocol(17).payload(Bytes(8, 1)).build();
    out["dns" + suffix] =
        from(client, server).udp(4000, 53).payload(queries().at("aaaa-edns")).build();
    const Bytes quoted = from(backend, client).udp(8080, 4000).payload("quoted").build();
    out["unreachable" + suffix] = from(client, backend)
                                      .icmp(v4 ? 3 : 1, 3)
                                      .payload(Bytes(quoted.begin() + 14, quoted.end()))
                                      .build();
    add_tunnels(v4, out);
  }
  out["options-v4"] =
      from(kClient4, "198.18.1.11").ip_options({7, 7, 4, 0, 0, 0, 0}).udp(1, 2).build();
  out["extensions-v6"] = from(kClient6, "2001:2:0:1::11")
                             .extension(0, {0, 1, 4, 0, 0, 0, 0})
                             .extension(60, {0, 1, 4, 0, 0, 0, 0})
                             .tcp(1, 2)
                             .tcp_options({2, 4, 5, 0xb4})
                             .build();
  out["other-protocol-v4"] = from(kClient4, "203.0.113.9").protocol(47).payload("gre").build();
  out["arp"] = PacketBuilder().arp(1, test::kTheirMac, kClient4, {}, "198.18.0.1").build();
  out["arp-answer"] =
      PacketBuilder().arp(2, test::kTheirMac, "198.18.1.12", test::kOurMac, "198.18.1.1").build();
  out["solicitation"] =
      from(kClient6, "2001:2::1").neighbour_solicitation("2001:2::1", test::kTheirMac).build();
  out["router"] = from("fe80::1", "2001:2::1")
                      .ttl(255)
                      .icmp(134, 0, 0x40000708)
                      .payload(Bytes(8) + Bytes{1, 1, 2, 0, 0, 0, 0, 1})
                      .build();
  out["advertisement"] = from("2001:2:0:1::12", "2001:2:0:1::1")
                             .neighbour_advertisement("2001:2:0:1::12", test::kTheirMac)
                             .build();
  return out;
}

/// A frame in the form of packet_fuzz: what is done, the size, the bytes.
Bytes step(unsigned control, const Bytes& frame) {
  return Bytes{static_cast<std::uint8_t>(control)} + be16(frame.size()) + frame;
}

/// What the host sends through the exception path.
Bytes from_the_host() {
  constexpr unsigned kHost = 2;
  PacketBuilder solicitation = from("2001:2::1", "2001:2::2").neighbour_solicitation("2001:2::2");
  return step(kHost,
              from("198.18.0.1", kClient4).tcp(22, 4000, tcp_flag::kSyn | tcp_flag::kAck).build()) +
         step(kHost, from("2001:2::1", kClient6).udp(500, 500).build()) +
         step(kHost, PacketBuilder().arp(1, test::kTheirMac, "198.18.0.1", {}, kClient4).build()) +
         step(kHost, solicitation.build());
}

/// A handshake with a service whose first backend answers, then its end.
Bytes conversation(bool v4) {
  constexpr unsigned kWan = 0, kLan = 1, kTimePasses = 8;
  const char* client = v4 ? kClient4 : kClient6;
  const char* service = v4 ? "198.18.100.80" : "2001:2:0:100::80";
  const char* backend = v4 ? "198.18.1.11" : "2001:2:0:1::11";
  using namespace tcp_flag;
  Bytes out;
  for (std::uint16_t port = 4001; port < 4004; ++port) {
    out = out + step(kWan, from(client, service).tcp(port, 80, kSyn, 100).build()) +
          step(kLan | kTimePasses,
               from(backend, client).tcp(8080, port, kSyn | kAck, 300, 101).build()) +
          step(kWan | kTimePasses, from(client, service).tcp(port, 80, kAck, 101, 301).build()) +
          step(kLan | kTimePasses,
               from(backend, client).tcp(8080, port, kFin | kAck, 301, 101).build()) +
          step(kWan | kTimePasses, from(client, service).tcp(port, 80, kRst, 101).build());
  }
  return out;
}

void write_packets(const fs::path& corpus) {
  Bytes all;
  for (const auto& [name, frame] : frames()) {
    write(corpus / "parse", name, frame);
    all = all + step(0, frame);
  }
  write(corpus / "packet", "all-kinds", Bytes{0} + all);
  write(corpus / "packet", "all-kinds-two-workers-traced", Bytes{5} + all);
  write(corpus / "packet", "all-kinds-tight", Bytes{2} + all);
  write(corpus / "packet", "from-the-host", Bytes{0} + from_the_host());
  for (const bool v4 : {true, false}) {
    const std::string suffix = v4 ? "-v4" : "-v6";
    write(corpus / "packet", "service" + suffix, Bytes{0} + conversation(v4));
    write(corpus / "packet", "service-two-workers" + suffix, Bytes{1} + conversation(v4));
  }
}

void write_queries(const fs::path& corpus) {
  Bytes stream;
  for (const auto& [name, query] : queries()) {
    write(corpus / "dns_query", name, Bytes{0} + query);
    stream = stream + be16(query.size()) + query;
  }
  write(corpus / "dns_query", "options-v6", Bytes{3} + queries().at("a"));
  write(corpus / "dns_session", "all-kinds", Bytes{1, 2, 3, 50, 7, 1, 200, 0} + stream);
  write(corpus / "dns_session", "an-answer-ends-it",
        Bytes(8, 5) + stream + Bytes{0, 12, 1, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0} + stream);
}

/// As our own writer makes them, and one of a machine of the other byte order.
void write_captures(const fs::path& folder) {
  constexpr Nanoseconds kTime = 1'700'000'000 * kSecond + 123'456'789;
  fs::create_directories(folder);
  const Bytes frame = frames().at("udp-v4");
  for (const bool several : {false, true}) {
    std::vector<std::string> ports{"wan"};
    if (several) ports.emplace_back("lan");
    const fs::path path = folder / (several ? "two-ports.pcapng" : "one-port.pcap");
    auto writer = replay::CaptureWriter::create(path, ports);
    if (!writer) throw std::runtime_error(writer.error().text());
    for (PortId port = 0; port < ports.size(); ++port) writer->write(port, kTime + port, frame);
    if (auto closed = writer->close(); !closed) throw std::runtime_error(closed.error().text());
  }
  const Bytes head{0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0,    4,    0, 0, 0, 0,
                   0,    0,    0,    0,    0, 0, 0xff, 0xff, 0, 0, 0, 1};
  write(folder, "other-order.pcap",
        head + Bytes{0x65, 0, 0, 0, 0, 0, 0, 9, 0, 0} + be16(frame.size()) + Bytes{0, 0} +
            be16(frame.size()) + frame);
}

void write_quotes(const fs::path& corpus) {
  for (const unsigned option : {0U, 1U, 2U, 3U}) {
    const bool v4 = (option & 1U) == 0;
    const char* client = v4 ? kClient4 : kClient6;
    const char* backend = v4 ? "198.18.1.11" : "2001:2:0:1::11";
    for (const bool tcp : {true, false}) {
      PacketBuilder builder = from(client, backend);
      if (v4) {
        builder.ip_options({1, 1, 1});
      } else {
        builder.extension(60, {0, 1, 4, 0, 0, 0, 0});
      }
      const Bytes frame =
          tcp ? builder.tcp(4000, 80).build() : builder.udp(4000, 80).payload("quoted").build();
      const std::string name = std::string(tcp ? "tcp" : "udp") + std::to_string(option);
      write(corpus / "icmp_error", name,
            Bytes{static_cast<std::uint8_t>(option)} + Bytes(frame.begin() + 14, frame.end()));
    }
  }
}

}  // namespace
}  // namespace sluice::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  sluice::fuzz::write_packets(argv[1]);
  sluice::fuzz::write_queries(argv[1]);
  sluice::fuzz::write_quotes(argv[1]);
  sluice::fuzz::write_captures(std::filesystem::path(argv[1]) / "capture");
}
