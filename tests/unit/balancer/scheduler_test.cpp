// Which backend a flow that begins is given, scheduler by scheduler, through both stages.
#include <map>

#include <gtest/gtest.h>

#include "dataplane/balancer/inspect.hpp"
#include "tests/unit/balancer/full_nat.hpp"

namespace sluice::balancer {
namespace {

using test::packet;
using Shares = std::map<std::string, unsigned>;

/// One UDP service, in direct return unless said: its flows begin and stay without answers.
struct Scheduled : ::testing::Test {
  static Source source_of(Scheduler scheduler, const std::vector<std::uint32_t>& weights,
                          Mode mode = Mode::direct_return) {
    Source source;
    source.flows_max = 65'536;
    ServiceSource one = service("one", "80", 53, ip_protocol::kUdp);
    one.table_size = 65'537;
    one.mode = mode;
    if (mode == Mode::full_nat) one.local.addresses = local_prefixes();
    one.scheduler = scheduler;
    one.udp_idle = 3600 * kSecond;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::string host = std::to_string(i / 250) + "." + std::to_string(1 + i % 250);
      one.backends.push_back(backend("b" + std::to_string(i), {"198.19." + host}));
      one.backends.back().weight = weights[i];
    }
    source.services = {one};
    return source;
  }
  void start(Scheduler scheduler, const std::vector<std::uint32_t>& weights,
             Mode mode = Mode::direct_return) {
    lab = std::make_unique<Balancer>(source_of(scheduler, weights, mode));
  }
  static std::string client(unsigned n) {
    return "10." + std::to_string(n >> 16U & 255U) + "." + std::to_string(n >> 8U & 255U) + "." +
           std::to_string(n & 255U);
  }
  /// The backend of a flow of the n-th client.
  std::string flow(unsigned n, std::uint16_t port = 4000) {
    return lab->backend_of(
        lab->send(packet().ip(client(n), "198.18.100.80").udp(port, 53).build()).packet);
  }
  Shares flows(unsigned count, unsigned first = 0) {
    Shares shares;
    for (unsigned n = 0; n < count; ++n) ++shares[flow(first + n)];
    return shares;
  }
  unsigned live(std::size_t index) const {
    const Backend& one = lab->services->backends()[index];
    return static_cast<unsigned>(flows_at(lab->harness.slots, one));
  }

  std::unique_ptr<Balancer> lab;
};

TEST_F(Scheduled, RoundRobinGivesEachRoundByWeight) {
  start(Scheduler::weighted_round_robin, {5, 3, 0, 2});
  for (unsigned round = 0; round < 3; ++round)
    EXPECT_EQ((Shares{{"b0", 5}, {"b1", 3}, {"b3", 2}}), flows(10, round * 10));
}

TEST_F(Scheduled, RoundRobinTurnsByItselfInEachFamily) {
  start(Scheduler::weighted_round_robin, {1, 1});
  lab->source.services[0].backends[0].addresses.push_back(address("2001:2:0:1::1"));
  lab->apply();
  Shares v4;
  for (unsigned n = 0; n < 8; ++n) {  // in turn with the other family's, which has one backend
    ++v4[flow(n)];
    const std::string other = "2001:2::" + std::to_string(n + 2);
    const auto frame = packet().ip(other, "2001:2:0:100::80").udp(4000, 53).build();
    EXPECT_EQ("b0", lab->backend_of(lab->send(frame).packet));
  }
  EXPECT_EQ((Shares{{"b0", 4}, {"b1", 4}}), v4);
}

TEST_F(Scheduled, LeastConnectionsFillsUpByWeightInEachKindOfMode) {
  for (const Mode mode : {Mode::direct_return, Mode::nat, Mode::full_nat}) {
    start(Scheduler::least_connections, {10, 20, 30, 40}, mode);
    flows(1000);
    for (unsigned i = 0; i < 4; ++i) EXPECT_NEAR(100.0 * (i + 1), live(i), 1.0) << i;
  }
}

TEST_F(Scheduled, LeastConnectionsGivesToWhoLostFlows) {
  start(Scheduler::least_connections, {1, 1, 1});
  flows(300);
  // All of the first one's flows end.
  const std::uint32_t id = lab->services->backends()[0].id();
  const Ticks now = ticks_of(lab->harness.context.now);
  for (std::uint32_t i = 0; i < lab->flows->capacity(); ++i) {
    const Flow* flow = lab->flows->record(i, now);
    if (flow != nullptr && flow->backend_id == id) lab->flows->remove(i, now);
  }
  EXPECT_EQ(0U, live(0));
  EXPECT_EQ((Shares{{"b0", 100}}), flows(100, 1000));
}

/// Of thousands it compares sixteen: the fullest is still near the average.
TEST_F(Scheduled, LeastConnectionsOfManyIsNearlyExact) {
  const std::vector<std::uint32_t> equal(300, 1);
  start(Scheduler::least_connections, equal);
  flows(3000);
  for (std::size_t i = 0; i < equal.size(); ++i) {
    EXPECT_GE(live(i), 7U) << i;
    EXPECT_LE(live(i), 12U) << i;
  }
}

TEST_F(Scheduled, RandomOfTwoKeepsTheGapSmall) {
  const std::vector<std::uint32_t> equal(50, 1);
  start(Scheduler::random_of_two, equal);
  flows(5000);
  for (std::size_t i = 0; i < equal.size(); ++i) EXPECT_NEAR(100.0, live(i), 5.0) << i;
}

TEST_F(Scheduled, RandomOfTwoFollowsWeights) {
  start(Scheduler::random_of_two, {10, 20, 30, 0});
  flows(6000);
  for (unsigned i = 0; i < 3; ++i) EXPECT_NEAR(1000.0 * (i + 1), live(i), 60.0) << i;
  EXPECT_EQ(0U, live(3));
}

TEST_F(Scheduled, MaglevAndSourceHashFollowWeightsWithinTwoPercentOfAll) {
  for (const Scheduler scheduler : {Scheduler::maglev, Scheduler::source_hash}) {
    start(scheduler, {10, 20, 30, 40});
    Shares shares = flows(20'000);
    for (unsigned i = 0; i < 4; ++i)
      EXPECT_NEAR(2000.0 * (i + 1), shares["b" + std::to_string(i)], 400.0) << i;
  }
}

TEST_F(Scheduled, SourceHashSeesTheClientAlone) {
  start(Scheduler::source_hash, {1, 1, 1, 1, 1, 1, 1, 1});
  for (unsigned n = 0; n < 50; ++n) {
    const std::string first = flow(n, 1000);
    for (std::uint16_t port = 1001; port < 1010; ++port) EXPECT_EQ(first, flow(n, port));
  }
}

TEST_F(Scheduled, SourceHashIsEqualOnAllBalancersAndMovesAsFewAsMaglev) {
  start(Scheduler::source_hash, std::vector<std::uint32_t>(10, 1));
  std::vector<std::string> before;
  for (unsigned n = 0; n < 2000; ++n) before.push_back(flow(n));
  Source other = lab->source;
  std::reverse(other.services[0].backends.begin(), other.services[0].backends.end());
  other.services[0].backends.pop_back();  // b0
  lab = std::make_unique<Balancer>(other);
  lab->harness.context.seed = {99, 98};  // of another process
  unsigned moved = 0;
  for (unsigned n = 0; n < 2000; ++n) moved += before[n] != "b0" && flow(n) != before[n];
  EXPECT_LT(moved, 2000 / 25);
}

TEST_F(Scheduled, WithAFullTableAllPacketsOfAFlowStayTogether) {
  for (const Scheduler scheduler :
       {Scheduler::weighted_round_robin, Scheduler::least_connections, Scheduler::random_of_two}) {
    Source source = source_of(scheduler, {1, 1, 1, 1, 1});
    source.flows_max = 1;
    lab = std::make_unique<Balancer>(source);
    flow(0);
    flow(0);  // assured: it stays
    ASSERT_EQ(1U, lab->flows->size());
    for (unsigned n = 1; n < 30; ++n) {
      const std::string first = flow(n);
      EXPECT_EQ(first, flow(n));
      EXPECT_EQ(first, flow(n));
    }
  }
}

TEST_F(Scheduled, TcpOfUnknownFlowsGoesWhereMaglevSays) {
  Source source = lab_source();
  source.services[1].scheduler = Scheduler::weighted_round_robin;
  Balancer balancer(source);
  for (std::uint16_t port = 1000; port < 1040; ++port) {
    const auto middle =
        packet().ip("198.18.0.2", "198.18.100.81").tcp(port, 8080, tcp_flag::kAck).build();
    const Packet sent = balancer.send(middle).packet;
    const Backend* maglev = balancer.services->choose(balancer.services->services()[1], sent.key);
    EXPECT_EQ(balancer.services->index_of(*maglev) + 1, sent.backend);
  }
}

TEST_F(Scheduled, CountsAreRightHoweverFlowsEnd) {
  start(Scheduler::least_connections, {1, 1});
  lab->source.services[0].udp_idle = kSecond;
  lab->apply();
  flows(100);
  EXPECT_EQ(100U, live(0) + live(1));
  lab->source.services[0].backends.push_back(
      backend("new", {"198.19.9.9"}));  // others' places move
  std::rotate(lab->source.services[0].backends.begin(), lab->source.services[0].backends.end() - 1,
              lab->source.services[0].backends.end());
  lab->apply();
  EXPECT_EQ(0U, live(0));
  EXPECT_EQ(100U, live(1) + live(2));
  lab->wait(2 * kSecond);
  lab->flows->age(ticks_of(lab->harness.context.now), lab->flows->capacity());
  EXPECT_EQ(0U, live(1) + live(2));
}

TEST_F(Scheduled, WorkersBeginTheirRoundsApart) {
  std::set<std::string> first;
  for (std::uint16_t worker = 0; worker < 8; ++worker) {
    lab = std::make_unique<Balancer>(
        source_of(Scheduler::weighted_round_robin, std::vector<std::uint32_t>(8, 1)), 8, worker);
    first.insert(flow(1));
  }
  EXPECT_GE(first.size(), 5U);
}

/// `sluice why` tells of the flow that would come next, and changes nothing.
class Rehearsed : public Scheduled, public ::testing::WithParamInterface<Mode> {
 protected:
  /// Where a copy of what the worker has would send the n-th client.
  std::string rehearse(unsigned n) {
    CounterBlock counts(1024);
    FlowTable flows({.flows_max = 64, .clients_max = 64, .slots = &counts});
    const auto frame = packet().ip(client(n), "198.18.100.80").udp(4000, 53).build();
    test::StageHarness harness;
    harness.context.slots = &counts;
    test::TestBurst burst(harness, {frame});
    borrow(*lab->services, *lab->flows, flows, burst[0], ticks_of(harness.context.now));
    translate(harness.context, *lab->services, flows, burst.burst);
    return lab->backend_of(burst[0]);
  }
};
INSTANTIATE_TEST_SUITE_P(Modes, Rehearsed, ::testing::Values(Mode::nat, Mode::full_nat));

TEST_P(Rehearsed, ChoosesAsTheWorkerWill) {
  for (const Scheduler scheduler :
       {Scheduler::weighted_round_robin, Scheduler::least_connections, Scheduler::random_of_two}) {
    start(scheduler, {3, 1, 2, 1}, GetParam());
    for (unsigned n = 0; n < 40; ++n) EXPECT_EQ(rehearse(n), flow(n)) << n;
  }
}

}  // namespace
}  // namespace sluice::balancer
