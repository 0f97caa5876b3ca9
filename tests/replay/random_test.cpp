// A million spoiled packets through replay: nothing crashes, each packet has one verdict, the books
// balance, what leaves is well-formed, and a second run gives the same bytes.
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "control/model/compile.hpp"
#include "control/model/yaml.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/replay/capture_reader.hpp"
#include "dataplane/replay/capture_writer.hpp"
#include "dataplane/replay/replay.hpp"
#include "tests/sim/seeds.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace sluice::replay {
namespace {

using test::Bytes;
using test::PacketBuilder;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kPackets = 10'000;  // a capture
#else
constexpr std::uint64_t kPackets = 250'000;
#endif
constexpr std::uint64_t kSeeds = 4;

constexpr PortId kWan = 0, kLan = 1;
constexpr MacAddress kMacs[] = {{{0x02, 0, 0, 0, 0x01, 0}}, {{0x02, 0, 0, 0, 0x01, 0x01}}};

struct Seed {
  PortId port;
  Bytes frame;
};

PacketBuilder from(PortId port) {
  PacketBuilder builder;
  builder.ethernet(kMacs[port], test::kTheirMac);
  return builder;
}
PacketBuilder from(PortId port, const char* source, const char* destination) {
  PacketBuilder builder = from(port);
  builder.ip(source, destination);
  return builder;
}

void add_transport(std::vector<Seed>& out) {
  const Bytes body(40, 0x11);
  const auto v4 = [] { return from(kWan, "198.18.0.2", "198.18.100.80"); };
  const auto v6 = [] { return from(kWan, "2001:2::2", "2001:2:0:100::80"); };
  for (const std::uint8_t flags :
       {tcp_flag::kSyn, tcp_flag::kAck, tcp_flag::kRst, tcp_flag::kFin}) {
    out.push_back({kWan, v4().tcp(5000, 80, flags).build()});
    out.push_back({kWan, v6().tcp(5000, 80, flags).payload(body).build()});
  }
  for (const char* backend : {"198.18.1.11", "198.18.1.12", "198.18.1.13"}) {
    out.push_back({kLan, from(kLan, backend, "198.18.0.2")
                             .tcp(8080, 5000, tcp_flag::kSyn | tcp_flag::kAck)
                             .build()});
    out.push_back({kLan, from(kLan, backend, "198.18.0.2").udp(7, 5000).payload(body).build()});
    out.push_back({kLan, from(kLan, backend, "198.18.0.2").icmp(3, 3).payload(body).build()});
  }
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.100.82").udp(5000, 7).build()});
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.100.81").tcp(5000, 8080).build()});
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.1.11").tcp(5000, 2323).build()});
  out.push_back(
      {kWan,
       from(kWan, "198.18.0.2", "198.18.100.53").udp(5, 53).payload(test::dns_query()).build()});
  out.push_back(
      {kWan,
       from(kWan, "2001:2::2", "2001:2:0:100::53").udp(5, 53).payload(test::dns_query()).build()});
}

void add_routing(std::vector<Seed>& out) {
  const Bytes body(40, 0x22);
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.1.11").udp(1, 2).payload(body).build()});
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.1.11").ttl(1).udp(1, 2).build()});
  out.push_back(
      {kWan, from(kWan, "198.18.0.2", "8.8.8.8").ip_options({7, 7, 4}).udp(1, 2).build()});
  out.push_back(
      {kWan, from(kWan, "198.18.0.2", "198.18.0.1").echo_request(1).payload(body).build()});
  out.push_back({kWan, from(kWan, "2001:2::2", "2001:2::1").echo_request(1).payload(body).build()});
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.0.1").tcp(9, 22, tcp_flag::kSyn).build()});
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.1.11")
                           .fragment(0, true)
                           .udp(1, 2)
                           .payload(Bytes(48, 1))
                           .build()});
  out.push_back({kWan, from(kWan, "198.18.0.2", "198.18.1.11")
                           .fragment(56, false)
                           .protocol(17)
                           .payload(body)
                           .build()});
  out.push_back({kWan, from(kWan, "2001:2::2", "2001:2:0:1::11")
                           .extension(0, {0, 1, 4, 0, 0, 0, 0})
                           .tcp(1, 2)
                           .build()});
  out.push_back(
      {kWan, from(kWan, "2001:2::2", "2001:2:0:1::11").udp(1, 2).payload(Bytes(1600)).build()});
  out.push_back(
      {kLan, from(kLan).arp(1, test::kTheirMac, "198.18.1.11", {}, "198.18.1.1").build()});
  out.push_back({kLan, from(kLan, "2001:2:0:1::11", "2001:2:0:1::1")
                           .ttl(255)
                           .neighbour_solicitation("2001:2:0:1::1", test::kTheirMac)
                           .build()});
  out.push_back({kWan, from(kWan).vlan(5).ip("198.18.0.2", "198.18.1.11").udp(1, 2).build()});
}

/// Frames that are spoiled more or less, or nothing but noise.
class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {
    add_transport(seeds_);
    add_routing(seeds_);
  }

  Seed next() {
    if (random_() % 32 == 0) return noise();
    Seed out = seeds_[random_() % seeds_.size()];
    Bytes& frame = out.frame;
    // Another flow: ports and the like lie behind the addresses.
    if (frame.size() > 36) frame[34] = static_cast<std::uint8_t>(random_() % 16);
    const auto changes = random_() % 4;
    for (std::uint64_t i = 0; i < changes; ++i)
      frame[random_() % frame.size()] = static_cast<std::uint8_t>(random_());
    if (random_() % 16 == 0) frame.resize(random_() % (frame.size() + 1));
    if (random_() % 4 != 0) frame = test::with_checksums(std::move(frame));
    if (random_() % 64 == 0) out.port = static_cast<PortId>(1 - out.port);
    return out;
  }

  /// Bursts of a time stamp, then a moment, and now and then a while.
  Nanoseconds time_before(std::uint64_t number) {
    if (number % 4096 == 0) return random_() % (60 * kSecond);
    if (number % 8 != 0) return 0;
    return random_() % kMillisecond;
  }

 private:
  Seed noise() {
    Bytes frame(random_() % 128);
    for (std::uint8_t& byte : frame) byte = static_cast<std::uint8_t>(random_());
    if (frame.size() >= 14) std::copy_n(kMacs[0].bytes.begin(), 6, frame.begin());
    return {kWan, std::move(frame)};
  }

  std::mt19937_64 random_;
  std::vector<Seed> seeds_;
};

void write_capture(const std::string& path, std::uint64_t seed) {
  auto writer = CaptureWriter::create(path, {"wan", "lan"});
  ASSERT_TRUE(writer) << writer.error().text();
  Traffic traffic(seed);
  Nanoseconds time = 1'700'000'000 * kSecond;
  for (std::uint64_t i = 0; i < kPackets; ++i) {
    time += traffic.time_before(i);
    const Seed packet = traffic.next();
    writer->write(packet.port, time, packet.frame);
  }
  ASSERT_TRUE(writer->close());
}

/// How often each verdict stands in the lines, which are numbered as the packets are.
std::map<std::string, std::uint64_t> count_verdicts(const std::string& path) {
  std::map<std::string, std::uint64_t> counts;
  std::ifstream lines(path);
  std::string line;
  for (std::uint64_t number = 1; std::getline(lines, line); ++number) {
    const std::string begins = "{\"n\": " + std::to_string(number) + ", ";
    EXPECT_TRUE(line.starts_with(begins)) << line;
    constexpr std::string_view kVerdict = "\"verdict\": \"";
    const std::size_t at = line.find(kVerdict) + kVerdict.size();
    ++counts[line.substr(at, line.find('"', at) - at)];
  }
  return counts;
}

/// Packets in a capture; each must be one that our own parser takes.
std::uint64_t count_good(const std::string& path) {
  auto reader = CaptureReader::open(path);
  if (!reader) return 0;
  CapturedPacket captured;
  std::uint64_t count = 0;
  for (auto more = (*reader)->next(captured); more && *more; more = (*reader)->next(captured)) {
    Bytes frame(captured.bytes.begin(), captured.bytes.end());
    Packet packet;
    packet.data = frame.data();
    packet.length = packet.room = static_cast<std::uint16_t>(frame.size());
    const DropReason reason = parse(packet);
    EXPECT_EQ(DropReason::none, reason) << name_of(reason) << " in frame " << captured.number;
    ++count;
  }
  return count;
}

Sources lab() {
  const auto input = model::open_yaml(LAB_STATE);
  if (!input) throw std::runtime_error(input.error().text());
  model::LoadedState loaded = model::load_state({*input});
  Sources sources =
      model::compile_sources(loaded.state, model::facts_of(loaded.state), loaded.problems);
  for (const v1::Problem& problem : loaded.problems.list())
    throw std::runtime_error(model::text_of(problem));
  return sources;
}

std::string contents(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// Replays `in` into two files that begin with `out`.
Summary run(const Sources& sources, const std::string& in, const std::string& out) {
  Request request;
  request.in = in;
  request.out = out;
  request.verdicts = out + ".verdicts";
  request.burst = 16;
  Summary summary;
  const auto done = replay(sources, request, summary);
  EXPECT_TRUE(done) << done.error().text();
  return summary;
}

void replay_spoiled(std::uint64_t seed, const Sources& sources) {
  SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed));
  const test::TemporaryFolder folder;
  const std::string in = folder.path() + "/in", out = folder.path() + "/out",
                    again = folder.path() + "/again";
  write_capture(in, seed);
  const Summary summary = run(sources, in, out);
  EXPECT_EQ(kPackets, summary.packets);
  std::uint64_t dropped = 0;
  for (const std::uint64_t count : summary.dropped) dropped += count;
  EXPECT_EQ(kPackets, summary.sent + summary.answered + summary.punted + summary.held + dropped);
  EXPECT_EQ(0U, summary.dropped[0]) << "every drop has a reason";
  auto counts = count_verdicts(out + ".verdicts");
  EXPECT_EQ(summary.sent, counts["sent"]);
  EXPECT_EQ(summary.answered, counts["answered"]);
  EXPECT_EQ(summary.punted, counts["punted"]);
  EXPECT_EQ(summary.held, counts["held"]);
  EXPECT_EQ(dropped, counts["dropped"]);
  EXPECT_EQ(summary.sent + summary.answered + summary.originated, count_good(out));
  for (const std::uint64_t count : {summary.sent, summary.answered, summary.punted, dropped})
    EXPECT_GT(count, kPackets / 200) << "every kind of end is met";

  static_cast<void>(run(sources, in, again));
  EXPECT_TRUE(contents(out) == contents(again));
  EXPECT_TRUE(contents(out + ".verdicts") == contents(again + ".verdicts"));
}

TEST(RandomReplay, BalancesTheBooksAndRepeats) {
  const Sources sources = lab();
  for_each_seed(kSeeds, [&](std::uint64_t seed) { replay_spoiled(seed, sources); });
}

}  // namespace
}  // namespace sluice::replay
