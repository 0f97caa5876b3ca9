// The firewall's stages alone, in memory: bursts of 64-byte frames. Only the stages are timed, not
// the making and parsing of the frames.
//   classify  filter without tracking, against the number of rules
//   track     track and filter with `ct state established accept`, against connections
// `firewall_bench --rules N` prints the rule set of N rules, so that other filters can be given it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>

#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/firewall/stages.hpp"
#include "dataplane/firewall/tracker.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "tests/support/stage_harness.hpp"

namespace {

using namespace sluice;
using test::Bytes;

constexpr unsigned kBurst = 64;
constexpr unsigned kFrameRoom = 128;
constexpr unsigned kDestinations = 256;

std::string chain_of(const std::string& rules) {
  return "table inet bench {\n  chain forward {\n    type filter hook forward priority 0; policy "
         "accept;\n" +
         rules + "  }\n}\n";
}

/// A packet of which a rule is sure to be met, if no earlier one is.
struct Target {
  std::uint32_t source, destination;
  std::uint16_t port;
};

/// Rules as access lists have them: sources of all prefix lengths that overlap, destinations of few
/// networks, ports and ranges. The same for the same number.
struct Rules {
  std::string text;
  std::vector<Target> targets;

  explicit Rules(unsigned count) {
    std::mt19937 random(count);
    for (unsigned i = 0; i < count; ++i) add(random);
  }

 private:
  static std::string dotted(std::uint32_t address) { return IpAddress::v4(address).text(); }

  void add(std::mt19937& random) {
    const auto draw = [&](std::uint32_t below) {
      return static_cast<std::uint32_t>(random()) % below;
    };
    const unsigned length = 12 + draw(17);
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - length);
    const std::uint32_t source = 0x0a000000U | (draw(1U << 24U) & mask);
    const std::uint32_t destination = 0xac100000U | (draw(kDestinations) << 8U);
    const auto port = static_cast<std::uint16_t>(1024 + draw(40'000));
    const unsigned wide = draw(3) == 0 ? draw(1000) : 0;
    text += "    ip saddr " + dotted(source) + "/" + std::to_string(length) + " ip daddr " +
            dotted(destination) + "/24 udp dport " + std::to_string(port) +
            (wide == 0 ? "" : "-" + std::to_string(port + wide)) + " counter drop\n";
    targets.push_back({source, destination + 1, port});
  }
};

/// Frames of one protocol that a benchmark turns into those of its flows.
class Frames {
 public:
  explicit Frames(const test::PacketBuilder& builder) : template_(builder.build()) {
    for (unsigned i = 0; i < kBurst; ++i) {
      burst_.packets[i].data = memory_.data() + i * kFrameRoom;
      std::memcpy(burst_.packets[i].data, template_.data(), template_.size());
    }
  }

  void stamp(unsigned i, const Target& ends, std::uint16_t source_port, std::uint8_t flags = 0) {
    Packet& p = burst_.packets[i];
    p.length = static_cast<std::uint16_t>(template_.size());
    p.flags = packet_flag::kL4ChecksumGood;
    std::uint8_t* ip = p.data + 14;
    store_be32(ip + 12, ends.source);
    store_be32(ip + 16, ends.destination);
    store_be16(ip + 20, source_port);
    store_be16(ip + 22, ends.port);
    if (flags != 0) ip[20 + 13] = flags;
    store_be16(ip + 10, 0);
    store_be16(ip + 10, checksum_finish(checksum_sum({ip, 20})));
  }
  Burst& parsed(unsigned count) {
    burst_.count = count;
    burst_.start();
    parse({}, burst_);
    return burst_;
  }

 private:
  Bytes template_;
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(kBurst * kFrameRoom);
  Burst burst_;
};

class Bench {
 public:
  Bench(const std::string& chain, std::uint32_t connections) {
    cycles_.reserve(1'000'000);
    firewall::Source source;
    source.rules.push_back({"bench", chain, ""});
    source.tracking.connections_max = connections;
    auto rules = firewall::compile(source, harness_.registry);
    if (!rules) {
      std::fprintf(stderr, "firewall_bench: %s\n", rules.error().front().text().c_str());
      std::exit(1);
    }
    rules_ = *rules;
    tracker_ = std::make_unique<firewall::Tracker>(source.tracking);
  }

  void pass(Burst& burst) {
    firewall::track(harness_.context, *rules_, *tracker_, burst);
    firewall::filter(harness_.context, *rules_, *tracker_, burst, 0);
  }
  /// A measured pass.
  void measure(benchmark::State& state, Burst& burst) {
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t cycles = __rdtsc();
    pass(burst);
    if (cycles_.size() < cycles_.capacity()) cycles_.push_back(__rdtsc() - cycles);
    state.SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    harness_.context.now += 10'000;
  }
  /// Of the middle burst: others on the machine take their time out of few.
  void report(benchmark::State& state) {
    state.SetItemsProcessed(state.iterations() * kBurst);
    const auto middle = cycles_.begin() + static_cast<std::ptrdiff_t>(cycles_.size() / 2);
    std::nth_element(cycles_.begin(), middle, cycles_.end());
    state.counters["cycles"] = static_cast<double>(*middle) / kBurst;
  }
  Context& context() { return harness_.context; }
  [[nodiscard]] std::uint32_t connections() const { return tracker_->connections(); }

 private:
  test::StageHarness harness_{{}, 32'768};
  std::shared_ptr<const firewall::RuleSet> rules_;
  std::unique_ptr<firewall::Tracker> tracker_;
  std::vector<std::uint64_t> cycles_;
};

/// Packets that meet one of the rules, or none of them.
void classify(benchmark::State& state, bool met) {
  const Rules rules(static_cast<unsigned>(state.range(0)));
  Bench bench(chain_of(rules.text), 1);
  Frames frames(test::packet().ip("10.0.0.1", "172.16.0.1").udp(1, 1).payload(Bytes(22)));
  std::mt19937 random(1);
  for (auto _ : state) {
    for (unsigned i = 0; i < kBurst; ++i) {
      Target target = rules.targets[random() % rules.targets.size()];
      if (!met) target.port = static_cast<std::uint16_t>(random() % 1024);
      frames.stamp(i, target, 5000);
    }
    Burst& burst = frames.parsed(kBurst);
    bench.measure(state, burst);
    if ((burst.alive == 0) != met) return state.SkipWithError("a packet met the wrong rule");
  }
  bench.report(state);
}

/// Which ends and port flow n has.
Target flow(std::uint32_t n) {
  return {0x0a000000U + (n >> 14U), 0xac100001U, 80};
}
std::uint16_t port_of(std::uint32_t n) {
  return static_cast<std::uint16_t>(1024 + (n & 0x3fffU));
}

void stamp_reply(Frames& frames, std::uint32_t n, std::uint8_t flags) {
  const Target ends = flow(n);
  frames.stamp(0, {ends.destination, ends.source, port_of(n)}, ends.port, flags);
}

/// Packets of established connections, drawn at random.
void track(benchmark::State& state, bool tcp) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  Bench bench(chain_of("    ct state established accept\n    ct state new accept\n    drop\n"),
              count + count / 4);
  const auto frame = test::packet().ip("10.0.0.1", "172.16.0.1");
  Frames frames(tcp ? test::PacketBuilder(frame).tcp(1, 1, tcp_flag::kAck, 1, 1)
                    : test::PacketBuilder(frame).udp(1, 1).payload(Bytes(22)));
  const std::uint8_t ack = tcp ? tcp_flag::kAck : 0;
  for (std::uint32_t n = 0; n < count; ++n) {
    frames.stamp(0, flow(n), port_of(n), ack);
    bench.pass(frames.parsed(1));
    stamp_reply(frames, n, ack);
    bench.pass(frames.parsed(1));
  }
  if (bench.connections() != count) return state.SkipWithError("not all connections were opened");
  std::mt19937 random(1);
  for (auto _ : state) {
    for (unsigned i = 0; i < kBurst; ++i) {
      const auto n = static_cast<std::uint32_t>((std::uint64_t{random()} * count) >> 32U);
      frames.stamp(i, flow(n), port_of(n), ack);
    }
    Burst& burst = frames.parsed(kBurst);
    bench.measure(state, burst);
    if (burst.alive != ~std::uint64_t{0}) return state.SkipWithError("a packet was dropped");
  }
  bench.report(state);
}

/// Every packet opens a connection and has an older unanswered one forgotten: a flood.
void open(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  Bench bench(chain_of("    ct state established accept\n    ct state new accept\n    drop\n"),
              count);
  Frames frames(test::packet().ip("10.0.0.1", "172.16.0.1").udp(1, 1).payload(Bytes(22)));
  std::uint32_t next = 0;
  const auto fresh = [&]() -> Burst& {
    for (unsigned i = 0; i < kBurst; ++i, ++next) frames.stamp(i, flow(next), port_of(next));
    return frames.parsed(kBurst);
  };
  while (next < count) bench.pass(fresh());
  for (auto _ : state) {
    Burst& burst = fresh();
    bench.measure(state, burst);
    if (burst.alive != ~std::uint64_t{0}) return state.SkipWithError("a packet was dropped");
  }
  bench.report(state);
}

BENCHMARK_CAPTURE(classify, rule_met, true)
    ->RangeMultiplier(10)
    ->Range(10, 10'000)
    ->UseManualTime();
BENCHMARK_CAPTURE(classify, none_met, false)
    ->RangeMultiplier(10)
    ->Range(10, 10'000)
    ->UseManualTime();
BENCHMARK_CAPTURE(track, udp, false)->Arg(1'000)->Arg(100'000)->Arg(1'000'000)->UseManualTime();
BENCHMARK_CAPTURE(track, tcp, true)->Arg(1'000)->Arg(100'000)->Arg(1'000'000)->UseManualTime();
BENCHMARK(open)->Arg(100'000)->UseManualTime();

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--rules") {
    std::fputs(chain_of(Rules(static_cast<unsigned>(std::atoi(argv[2]))).text).c_str(), stdout);
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
