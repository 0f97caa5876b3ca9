// What the preview of a change says of tables, against counts by brute force.
#include "dataplane/balancer/schedule/disruption.hpp"

#include <random>

#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

ServiceSource service_of(unsigned backends, std::uint32_t table_size = 1021) {
  ServiceSource service = lab_source().services[0];
  service.table_size = table_size;
  service.backends.clear();
  for (unsigned i = 0; i < backends; ++i)
    service.backends.push_back(
        backend("b" + std::to_string(i), {"198.19.0." + std::to_string(i + 1)}, 8080));
  return service;
}

/// Where the n-th of `points` even points of the hash space leads: name, address and port.
std::string at(const ServiceSource& service, const MaglevTable& table, std::uint64_t n,
               std::uint64_t points) {
  if (table.empty()) return {};
  // The middle of the point's interval, as the choice by a hash finds its slot.
  const auto hash = static_cast<std::uint64_t>((static_cast<double>(n) + 0.5) /
                                               static_cast<double>(points) * 0x1p32);
  const BackendSource& one = service.backends[table.choose(hash << 32U)];
  return one.name + one.addresses[0].text() + std::to_string(one.port);
}

double brute_force(const ServiceSource& before, const ServiceSource& after) {
  const auto old_table = maglev_of(before, 0);
  const auto new_table = maglev_of(after, 0);
  // So that no point lies on a border of a slot of either.
  const std::uint64_t points = std::uint64_t{before.table_size} == after.table_size
                                   ? before.table_size
                                   : std::uint64_t{before.table_size} * after.table_size;
  std::uint64_t moved = 0;
  for (std::uint64_t n = 0; n < points; ++n) {
    const std::string old_backend = at(before, *old_table, n, points);
    moved += !old_backend.empty() && old_backend != at(after, *new_table, n, points);
  }
  return static_cast<double>(moved) / static_cast<double>(points);
}

TEST(Disruption, NothingMovesWithoutAChangeOrByOrder) {
  const ServiceSource before = service_of(20);
  ServiceSource after = before;
  EXPECT_EQ(0, disruption(before, after, 0).moved);
  std::reverse(after.backends.begin(), after.backends.end());
  EXPECT_EQ(0, disruption(before, after, 0).moved);
  EXPECT_EQ(0, disruption(before, after, 0).least);
}

TEST(Disruption, EqualsABruteForceCountOfRandomChanges) {
  std::mt19937 random(5);
  for (unsigned round = 0; round < 60; ++round) {
    const ServiceSource before = service_of(static_cast<unsigned>(2 + random() % 30));
    ServiceSource after = before;
    for (unsigned n = 0; n < 1 + random() % 4; ++n) {
      BackendSource& one = after.backends[random() % after.backends.size()];
      switch (random() % 5) {
        case 0:
          one.weight = static_cast<std::uint32_t>(random() % 5);
          break;
        case 1:
          one.addresses[0] = address("198.19.7." + std::to_string(random() % 200 + 1));
          break;
        case 2:
          one.port = 9090;
          break;
        case 3:
          one.alive[0] = false;
          break;
        default:
          one.name += "x";
      }
    }
    const Disruption said = disruption(before, after, 0);
    EXPECT_NEAR(brute_force(before, after), said.moved, 1e-9) << round;
    EXPECT_LE(said.least, said.moved + 0.02) << round;
  }
}

TEST(Disruption, TablesOfDifferentSizesAreComparedWhereTheyOverlap) {
  const ServiceSource before = service_of(7, 1021);
  const ServiceSource after = service_of(7, 4093);
  EXPECT_NEAR(brute_force(before, after), disruption(before, after, 0).moved, 1e-6);
  EXPECT_EQ(0, disruption(before, after, 0).least);
}

TEST(Disruption, TheLeastIsTheShareThatChangesHands) {
  const ServiceSource before = service_of(10, 65'537);
  ServiceSource after = before;
  after.backends[3].weight = 0;
  const Disruption drained = disruption(before, after, 0);
  EXPECT_NEAR(0.1, drained.least, 1e-9);
  EXPECT_GT(drained.moved, 0.099);
  EXPECT_LT(drained.moved, 0.105);
  const Disruption back = disruption(after, before, 0);
  EXPECT_NEAR(0.1, back.least, 1e-9);
  EXPECT_NEAR(drained.moved, back.moved, 1e-9);
}

TEST(Disruption, AllOrNothing) {
  const ServiceSource some = service_of(3);
  ServiceSource none = some;
  for (BackendSource& one : none.backends) one.weight = 0;
  EXPECT_EQ(1, disruption(some, none, 0).moved);
  EXPECT_EQ(1, disruption(some, none, 0).least);
  EXPECT_EQ(0, disruption(none, some, 0).moved);
}

}  // namespace
}  // namespace sluice::balancer
