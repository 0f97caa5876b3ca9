// The query path alone, in memory: bursts of 64 queries over IPv4 and UDP for random names of one
// zone, against the zone's size. `stamp` is what making the queries costs, `parse` that and the
// packet parser; what is beyond `parse` is the name server's.
#include <map>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "dataplane/dns/zone_set.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/support/stage_harness.hpp"

namespace {

using namespace sluice;
using test::Bytes;

constexpr unsigned kBurst = 64;
constexpr unsigned kFrameRoom = 2048;
constexpr std::uint16_t kMessage = 14 + 20 + 8;
constexpr std::uint16_t kA = 1, kAaaa = 28, kMx = 15;

enum class Work { stamp, parse, answer };

/// What is asked: a first label of one letter and seven digits that name one of the zone's nodes.
struct Question {
  char letter;  ///< h: addresses, c: CNAME to one, x: nobody, w: below the wildcard
  std::uint16_t type;
  bool edns;
};

/// A third of the names are aliases of the others; each host has both addresses.
std::string zone_text(std::uint32_t names) {
  std::string zone =
      "@ 300 IN SOA ns1 host 1 3600 600 86400 60\n@ 300 IN NS ns1\n@ 300 IN MX 10 ns1\n"
      "ns1 60 IN A 198.18.100.53\n*.wild 60 IN A 192.0.2.99\n";
  for (std::uint32_t i = 0; i < names; ++i) {
    const std::string digits = std::to_string(10'000'000 + i).substr(1);
    if (i % 3 == 2) {
      zone += "c" + digits + " 60 IN CNAME h" + std::to_string(10'000'000 + i - 1).substr(1) + "\n";
      continue;
    }
    zone += "h" + digits + " 60 IN A 192.0.2." + std::to_string(i % 250 + 1) + "\n";
    zone += "h" + digits + " 60 IN AAAA 2001:db8::" + std::to_string(i % 250 + 1) + "\n";
  }
  return zone;
}

/// Compiled once a size.
const dns::ZoneSet& zones_of(std::uint32_t names, SlotRegistry& registry) {
  static std::map<std::uint32_t, std::shared_ptr<const dns::ZoneSet>> all;
  auto& zones = all[names];
  if (zones == nullptr) {
    dns::Source source;
    source.zones.push_back({"bench.test", zone_text(names), "bench.zone"});
    dns::ServerSource server;
    server.name = "bench";
    server.addresses = {*IpAddress::parse("198.18.100.53")};
    source.servers.push_back(server);
    zones = *dns::compile(source, registry);
  }
  return *zones;
}

Bytes message_of(const Question& question) {
  Bytes q{0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(question.edns ? 1 : 0)};
  std::string name = std::string("\x08") + question.letter + "0000000";
  if (question.letter == 'w') name += "\x04wild";
  name +=
      "\x05"
      "bench\x04test";
  q.insert(q.end(), name.begin(), name.end());
  for (const int b : {0, question.type >> 8, question.type & 0xff, 0, 1})
    q.push_back(static_cast<std::uint8_t>(b));
  if (question.edns)
    for (const int b : {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0})
      q.push_back(static_cast<std::uint8_t>(b));
  return q;
}

class Bench {
 public:
  Bench(std::uint32_t names, const Question& question)
      : names_(names), question_(question), zones_(zones_of(names, harness_.registry)) {
    template_ = test::packet()
                    .ip("198.18.0.2", "198.18.100.53")
                    .udp(5000, 53)
                    .payload(message_of(question))
                    .build();
    for (unsigned i = 0; i < kBurst; ++i) burst_.packets[i].data = memory_.data() + i * kFrameRoom;
  }

  void stamp_burst() {
    for (unsigned i = 0; i < kBurst; ++i) {
      Packet& p = burst_.packets[i];
      p.length = static_cast<std::uint16_t>(template_.size());
      p.room = kFrameRoom;
      p.in_port = 0;
      p.flags = packet_flag::kL4ChecksumGood;
      std::memcpy(p.data, template_.data(), template_.size());
      write_digits(p.data + kMessage + 12 + 2, pick());
    }
  }
  void parse_burst() {
    burst_.count = kBurst;
    burst_.start();
    parse({}, burst_);
  }
  void answer_burst() {
    dns::answer(harness_.context, zones_, burst_, ~std::uint64_t{0});
    benchmark::DoNotOptimize(burst_.alive);
  }
  /// Every query was answered, with the response code `rcode`.
  [[nodiscard]] bool all_answered(unsigned rcode) const {
    for (unsigned i = 0; i < kBurst; ++i) {
      const Packet& p = burst_.packets[i];
      if (p.verdict != Verdict::answered || (p.data[kMessage + 3] & 0xfU) != rcode) return false;
    }
    return true;
  }

 private:
  /// A host's number is not 2 modulo 3, an alias's is.
  std::uint32_t pick() {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    const auto n = static_cast<std::uint32_t>(((random_ >> 32) * (names_ / 3)) >> 32) * 3;
    return n + (question_.letter == 'c' ? 2 : 0);
  }
  static void write_digits(std::uint8_t* at, std::uint32_t n) {
    for (int i = 6; i >= 0; --i, n /= 10) at[i] = static_cast<std::uint8_t>('0' + n % 10);
  }

  std::uint32_t names_;
  Question question_;
  std::uint64_t random_ = 1;
  test::StageHarness harness_;
  const dns::ZoneSet& zones_;
  Bytes template_;
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(kBurst * kFrameRoom);
  Burst burst_;
};

void run(benchmark::State& state, const Question& question, Work work, unsigned rcode) {
  Bench bench(static_cast<std::uint32_t>(state.range(0)), question);
  for (auto _ : state) {
    bench.stamp_burst();
    if (work != Work::stamp) bench.parse_burst();
    if (work == Work::answer) bench.answer_burst();
    benchmark::ClobberMemory();
  }
  if (work == Work::answer && !bench.all_answered(rcode))
    state.SkipWithError("queries were not answered as they should be");
  state.SetItemsProcessed(state.iterations() * kBurst);
}

void sizes(benchmark::internal::Benchmark* b) {
  for (const int names : {10, 10'000, 1'000'000}) b->Arg(names);
}

constexpr unsigned kNoError = 0, kNxDomain = 3;

BENCHMARK_CAPTURE(run, stamp, Question{'h', kA, false}, Work::stamp, kNoError)->Arg(10'000);
BENCHMARK_CAPTURE(run, parse, Question{'h', kA, false}, Work::parse, kNoError)->Arg(10'000);
BENCHMARK_CAPTURE(run, a, Question{'h', kA, false}, Work::answer, kNoError)->Apply(sizes);
BENCHMARK_CAPTURE(run, a_edns, Question{'h', kA, true}, Work::answer, kNoError)->Apply(sizes);
BENCHMARK_CAPTURE(run, aaaa, Question{'h', kAaaa, false}, Work::answer, kNoError)->Apply(sizes);
BENCHMARK_CAPTURE(run, cname, Question{'c', kA, false}, Work::answer, kNoError)->Apply(sizes);
BENCHMARK_CAPTURE(run, nodata, Question{'h', kMx, false}, Work::answer, kNoError)->Apply(sizes);
BENCHMARK_CAPTURE(run, nxdomain, Question{'x', kA, false}, Work::answer, kNxDomain)->Apply(sizes);
BENCHMARK_CAPTURE(run, wildcard, Question{'w', kA, false}, Work::answer, kNoError)->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
