// The routing stages alone, in memory: bursts of 64 parsed frames. Every round puts the frames back
// as they were; `restore` is what that costs alone.
// Budgets: 5 ns for an IPv4 look-up in cache, 10 ns for look-up and forward, beyond `restore`.
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/route/stages.hpp"
#include "tests/support/stage_harness.hpp"

namespace {

using namespace sluice;
using test::Bytes;

constexpr PortId kWan = 0, kLan = 1;
constexpr unsigned kFrameRoom = 192;
constexpr unsigned kRounds = 64;  // sets of frames, so that destinations do not repeat at once

enum class Work { restore, look_up, forward };
enum class To { connected, gateway };

route::PortSource port_source(const std::string& name, PortId id, const MacAddress& mac,
                              const std::string& v4, const std::string& v6) {
  route::PortSource port;
  port.name = name;
  port.id = id;
  port.mac = mac;
  port.addresses = {*Prefix::parse(v4), *Prefix::parse(v6)};
  return port;
}

Prefix nth_prefix(bool v4, std::uint32_t n) {
  if (v4) return {IpAddress::v4(0x1000'0000U + (n << 8U)), 24};
  Prefix prefix = *Prefix::parse("2a00::/48");
  store_be32(prefix.address.bytes.data() + 2, n);
  return prefix;
}

/// Two ports, and `count` routes of each family through 16 gateways at the second one.
route::Source source_of(std::uint32_t count) {
  route::Source source;
  source.ports = {
      port_source("wan", kWan, test::kOurMac, "198.18.0.1/24", "2001:2::1/64"),
      port_source("lan", kLan, MacAddress{{2, 0, 0, 0, 0, 0xfd}}, "198.18.1.1/24",
                  "2001:2:0:1::1/64"),
  };
  for (std::uint32_t n = 0; n < count; ++n) {
    const std::string gateway = std::to_string(10 + n % 16);
    source.routes.push_back(
        {nth_prefix(true, n), *IpAddress::parse("198.18.1." + gateway), kNoPort, false});
    source.routes.push_back(
        {nth_prefix(false, n), *IpAddress::parse("2001:2:0:1::" + gateway), kNoPort, false});
  }
  return source;
}

class Bench {
 public:
  Bench(bool v4, To to, std::uint32_t routes)
      : v4_(v4), to_(to), routes_(routes), table_(*route::compile(source_of(routes))) {
    for (unsigned host = 10; host < 250; ++host) {
      learn("198.18.1." + std::to_string(host));
      learn("2001:2:0:1::" + std::to_string(host));
    }
    for (unsigned i = 0; i < kRounds * kBurstMax; ++i) make_frame(i);
  }

  void turn(Work work) {
    restore();
    if (work == Work::restore) return benchmark::ClobberMemory();
    route::look_up(*table_, burst_);
    if (work == Work::forward)
      route::forward(harness_.context, *table_, neighbours_, burst_);
    else
      benchmark::ClobberMemory();
  }
  [[nodiscard]] bool all_sent() const { return burst_.alive == 0; }

 private:
  void learn(const std::string& address) {
    neighbours_.apply(
        harness_.context, *table_,
        {*IpAddress::parse(address), test::kTheirMac, kLan, route::Evidence::asked, 0});
    neighbours_.apply(
        harness_.context, *table_,
        {*IpAddress::parse(address), test::kTheirMac, kLan, route::Evidence::answered, 0});
  }

  IpAddress destination() {
    if (to_ == To::gateway)
      return nth_prefix(v4_, static_cast<std::uint32_t>(random_() % routes_)).address;
    const std::string host = std::to_string(10 + random_() % 240);
    return *IpAddress::parse((v4_ ? "198.18.1." : "2001:2:0:1::") + host);
  }

  void make_frame(unsigned i) {
    const Bytes frame = test::packet()
                            .ip(v4_ ? "198.18.0.2" : "2001:2::2", destination().text())
                            .udp(5000, 7)
                            .build();
    std::copy(frame.begin(), frame.end(), frames_.begin() + i * kFrameRoom);
    Packet& p = packets_[i];
    p.data = frames_.data() + i * kFrameRoom;
    p.length = static_cast<std::uint16_t>(frame.size());
    p.room = kFrameRoom;
    p.in_port = kWan;
    if (parse(p) != DropReason::none) std::abort();
    std::memcpy(heads_[i].data(), p.data, sizeof(Head));
  }

  void restore() {
    const unsigned first = round_++ % kRounds * kBurstMax;
    for (unsigned i = 0; i < kBurstMax; ++i) {
      burst_.packets[i] = packets_[first + i];
      std::memcpy(burst_.packets[i].data, &heads_[first + i], sizeof(Head));
    }
    burst_.count = kBurstMax;
    burst_.start();
  }

  using Head = std::array<std::uint8_t, 32>;  // Ethernet header, TTL and checksum of either family

  bool v4_;
  To to_;
  std::uint32_t routes_;
  std::mt19937 random_{1};
  test::StageHarness harness_;
  std::shared_ptr<const route::Table> table_;
  route::Neighbours neighbours_{{}, HashSeed{}};
  std::vector<std::uint8_t> frames_ = Bytes(kRounds * kBurstMax * kFrameRoom);
  std::vector<Packet> packets_{kRounds * kBurstMax};
  std::vector<Head> heads_{kRounds * kBurstMax};
  Burst burst_;
  unsigned round_ = 0;
};

void run(benchmark::State& state, Work work, bool v4, To to) {
  const auto bench = std::make_unique<Bench>(v4, to, static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) bench->turn(work);
  if (work == Work::forward && !bench->all_sent()) state.SkipWithError("a packet was not sent");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kBurstMax);
}

void compile_routes(benchmark::State& state) {
  const route::Source source = source_of(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(route::compile(source));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0) * 2);
}

BENCHMARK_CAPTURE(run, restore, Work::restore, true, To::connected)->Arg(1);
BENCHMARK_CAPTURE(run, look_up_v4_connected, Work::look_up, true, To::connected)->Arg(1);
BENCHMARK_CAPTURE(run, look_up_v4_gateway, Work::look_up, true, To::gateway)
    ->Arg(16)
    ->Arg(1'000)
    ->Arg(100'000);
BENCHMARK_CAPTURE(run, look_up_v6_gateway, Work::look_up, false, To::gateway)
    ->Arg(16)
    ->Arg(1'000)
    ->Arg(100'000);
BENCHMARK_CAPTURE(run, forward_v4_connected, Work::forward, true, To::connected)->Arg(1);
BENCHMARK_CAPTURE(run, forward_v4_gateway, Work::forward, true, To::gateway)->Arg(16)->Arg(100'000);
BENCHMARK_CAPTURE(run, forward_v6_connected, Work::forward, false, To::connected)->Arg(1);
BENCHMARK_CAPTURE(run, forward_v6_gateway, Work::forward, false, To::gateway)
    ->Arg(16)
    ->Arg(100'000);
BENCHMARK(compile_routes)->Arg(1'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
