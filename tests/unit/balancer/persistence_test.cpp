// Clients that come back to their backend.
#include "dataplane/balancer/schedule/persistence.hpp"

#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

using test::packet;

IpAddress client(std::uint32_t n) {
  return address("10." + std::to_string(n >> 16U & 255U) + "." + std::to_string(n >> 8U & 255U) +
                 "." + std::to_string(n & 255U));
}

TEST(PersistenceTable, RemembersAndForgets) {
  PersistenceTable table(64, {1, 2});
  table.note(7, client(1), 33, 1000, 5);
  EXPECT_EQ(33U, table.find(7, client(1), 1004));
  EXPECT_EQ(kNoSlot, table.find(8, client(1), 5));
  EXPECT_EQ(kNoSlot, table.find(7, client(2), 5));
  EXPECT_EQ(kNoSlot, table.find(7, client(1), 1005));
  table.note(7, client(1), 44, 1000, 900);
  EXPECT_EQ(44U, table.find(7, client(1), 1800));
}

TEST(PersistenceTable, HoldsWhatWasAskedForAndCountsTheRest) {
  constexpr std::uint32_t kClients = 4096;
  PersistenceTable table(kClients, {1, 2});
  for (std::uint32_t n = 0; n < kClients; ++n) table.note(7, client(n), 9, 1000, 0);
  EXPECT_LT(table.refused().value(), kClients / 100);
  const std::uint64_t refused = table.refused().value();
  for (std::uint32_t n = 0; n < kClients; ++n) table.note(7, client(n + 100'000), 9, 1000, 1);
  EXPECT_GT(table.refused().value(), refused + kClients / 2);
  std::uint32_t kept = 0;
  for (std::uint32_t n = 0; n < kClients; ++n) kept += table.find(7, client(n), 2) == 9;
  EXPECT_GE(kept, kClients - refused) << "who is remembered does not make room for others";
  // After their time all of it is free again, without anybody having swept.
  const std::uint64_t before = table.refused().value();
  for (std::uint32_t n = 0; n < kClients; ++n) table.note(7, client(n + 200'000), 9, 1000, 5000);
  EXPECT_LT(table.refused().value() - before, kClients / 100);
}

TEST(PersistenceTable, OfNoSizeRemembersNobody) {
  PersistenceTable table(0, {1, 2});
  table.note(7, client(1), 33, 1000, 5);
  EXPECT_EQ(kNoSlot, table.find(7, client(1), 6));
  EXPECT_EQ(1U, table.refused().value());
}

struct Persistent : ::testing::Test {
  static Source source_of(Scheduler scheduler) {
    Source source = lab_source();
    source.services[2].scheduler = scheduler;
    source.services[2].persistence = PersistenceSource{{24, 64}, 60 * kSecond};
    source.services[2].udp_idle = kSecond;
    return source;
  }
  std::string flow(const std::string& from, std::uint16_t port) {
    const bool v4 = from.find(':') == std::string::npos;
    const std::string to = v4 ? "198.18.100.82" : "2001:2:0:100::82";
    return lab->backend_of(lab->send(packet().ip(from, to).udp(port, 7).build()).packet);
  }
  std::unique_ptr<Balancer> lab;
};

TEST_F(Persistent, AClientsFlowsMeetWhateverTheScheduler) {
  for (const Scheduler scheduler :
       {Scheduler::maglev, Scheduler::weighted_round_robin, Scheduler::least_connections,
        Scheduler::source_hash, Scheduler::random_of_two}) {
    lab = std::make_unique<Balancer>(source_of(scheduler));
    const std::string first = flow("198.18.0.2", 1000);
    const std::string first6 = flow("2001:2::5", 1000);
    for (std::uint16_t port = 1001; port < 1030; ++port) {
      EXPECT_EQ(first, flow("198.18.0.2", port));
      EXPECT_EQ(first, flow("198.18.0.99", port)) << "the same network";
      EXPECT_EQ(first6, flow("2001:2::1:77", port));
    }
  }
}

TEST_F(Persistent, EndsWithItsTime) {
  lab = std::make_unique<Balancer>(source_of(Scheduler::weighted_round_robin));
  std::set<std::string> seen;
  for (std::uint16_t n = 0; n < 3; ++n) {
    seen.insert(flow("198.18.0.2", static_cast<std::uint16_t>(1000 + n)));
    lab->wait(61 * kSecond);
  }
  EXPECT_EQ(3U, seen.size()) << "each time in turn";
}

TEST_F(Persistent, EachNewFlowProlongsIt) {
  lab = std::make_unique<Balancer>(source_of(Scheduler::weighted_round_robin));
  std::set<std::string> seen;
  for (std::uint16_t n = 0; n < 6; ++n) {
    seen.insert(flow("198.18.0.2", static_cast<std::uint16_t>(1000 + n)));
    lab->wait(40 * kSecond);
  }
  EXPECT_EQ(1U, seen.size());
}

TEST_F(Persistent, ABackendThatTakesNoFlowsIsLeft) {
  lab = std::make_unique<Balancer>(source_of(Scheduler::maglev));
  const std::string first = flow("198.18.0.2", 1000);
  for (BackendSource& one : lab->source.services[2].backends)
    if (one.name == first) one.weight = 0;
  lab->apply();
  const std::string second = flow("198.18.0.2", 1001);
  EXPECT_NE(first, second);
  for (BackendSource& one : lab->source.services[2].backends) one.weight = 1;
  lab->apply();
  EXPECT_EQ(second, flow("198.18.0.2", 1002)) << "where it went last";
}

TEST_F(Persistent, ABackendDeadAtOneAddressIsLeftByThatFamilyAlone) {
  lab = std::make_unique<Balancer>(source_of(Scheduler::weighted_round_robin));
  const std::string first = flow("198.18.0.2", 1000);
  const std::string first6 = flow("2001:2::5", 1000);
  for (BackendSource& one : lab->source.services[2].backends)
    if (one.name == first || one.name == first6) one.alive = {false, true};
  lab->apply();
  EXPECT_NE(first, flow("198.18.0.2", 1001));
  EXPECT_EQ(first6, flow("2001:2::5", 1001));
}

}  // namespace
}  // namespace sluice::balancer
