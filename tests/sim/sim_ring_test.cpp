#include "dataplane/io/sim_ring.hpp"

#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/sim/seeds.hpp"

namespace sluice::io {
namespace {

Task<void> echo(Connection& connection) {
  std::array<std::uint8_t, 256> buffer;
  for (;;) {
    const int got = co_await connection.receive(buffer, kSecond);
    if (got <= 0) co_return;
    const int sent = co_await connection.send_all(
        std::span(buffer).first(static_cast<std::size_t>(got)), kSecond);
    if (sent < 0) co_return;
  }
}

struct Outcome {
  std::uint64_t trace;
  Faults faults;
};

/// Clients of an echo server: what each gets back is a beginning of what it sent, and all of it if
/// nothing broke the connection.
Outcome run_echo(std::uint64_t seed, Faults faults) {
  SimReactor sim(seed, faults);
  const int port = sim.ring().add_listener();
  Listener listener(sim.reactor(), port, {}, echo);
  listener.start();
  std::vector<std::pair<std::shared_ptr<SimClient>, std::vector<std::uint8_t>>> clients;
  for (std::uint16_t i = 0; i < 4; ++i) {
    Endpoint from;
    from.port = static_cast<std::uint16_t>(1000 + i);
    std::vector<std::uint8_t> bytes(1 + sim.ring().random().below(2000));
    std::iota(bytes.begin(), bytes.end(), static_cast<std::uint8_t>(i));
    auto client = sim.ring().connect(port, from);
    sim.ring().send(client, bytes);
    sim.ring().finish(client);
    clients.emplace_back(std::move(client), std::move(bytes));
  }
  sim.run(30 * kSecond);
  for (const auto& [client, bytes] : clients) {
    EXPECT_TRUE(client->ended()) << "seed " << seed;
    const auto& back = client->received();
    EXPECT_TRUE(std::equal(back.begin(), back.end(), bytes.begin())) << "seed " << seed;
    if (!client->was_reset()) {
      EXPECT_EQ(bytes.size(), back.size()) << "seed " << seed;
    }
  }
  sim.stop();
  EXPECT_EQ(0U, sim.reactor().tasks()) << "seed " << seed;
  return {sim.ring().trace(), sim.ring().faults()};
}

TEST(SimRing, TheSameSeedGivesTheSameRun) {
  std::map<std::uint64_t, int> traces;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto first = run_echo(seed, Faults(30)).trace;
    ASSERT_EQ(first, run_echo(seed, Faults(30)).trace) << "seed " << seed;
    ++traces[first];
  }
  EXPECT_GT(traces.size(), 195U) << "seeds hardly differ";
}

TEST(SimRing, StreamsKeepTheirBytesWhateverHappens) {
  Faults seen;
  std::array<std::uint64_t, kFaultPoints> struck{};
  for_each_seed(2000, [&](std::uint64_t seed) {
    const Outcome outcome = run_echo(seed, Faults(50).set(FaultPoint::connection_reset, 5));
    for (unsigned i = 0; i < kFaultPoints; ++i) {
      struck[i] += outcome.faults.struck(static_cast<FaultPoint>(i));
    }
  });
  for (const FaultPoint point :
       {FaultPoint::operation_delayed, FaultPoint::accept_error, FaultPoint::receive_split,
        FaultPoint::send_short, FaultPoint::connection_reset}) {
    EXPECT_GT(struck[static_cast<unsigned>(point)], 0U) << name_of(point);
  }
}

TEST(SimRing, ASlowReaderIsLetGo) {
  SimReactor sim(7);
  const int port = sim.ring().add_listener();
  Listener listener(sim.reactor(), port, {}, echo);
  listener.start();
  auto client = sim.ring().connect(port, Endpoint{});
  client->set_window(10);
  const std::vector<std::uint8_t> bytes(100, 1);
  sim.ring().send(client, bytes);
  sim.run(100 * kMillisecond);
  EXPECT_EQ(10U, client->received().size());
  EXPECT_FALSE(client->ended());
  sim.ring().widen(client, 5);
  sim.run(100 * kMillisecond);
  EXPECT_EQ(15U, client->received().size());
  sim.run(5 * kSecond);
  EXPECT_TRUE(client->ended());
  sim.stop();
}

}  // namespace
}  // namespace sluice::io
