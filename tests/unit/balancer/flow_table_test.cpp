#include "dataplane/balancer/flow_table.hpp"

#include <random>
#include <unordered_map>

#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

using Side = FlowTable::Side;
using Inserted = FlowTable::Inserted;

Lifetimes lifetimes(Ticks each) {
  Lifetimes all;
  all.fill(each);
  return all;
}

/// The n-th flow; NAT flows of different n differ on both sides.
Flow flow_number(std::uint32_t n, FlowState state = FlowState::established, Ticks expires = 1000) {
  Flow flow;
  flow.client = IpAddress::v4(0x0a000000U + (n >> 12U));
  flow.service = IpAddress::v4(0xc6126450U);
  flow.backend = IpAddress::v4(0xc612010bU);
  flow.client_port = static_cast<std::uint16_t>(1024 + (n & 0xfffU));
  flow.service_port = 80;
  flow.backend_port = 8080;
  flow.protocol = ip_protocol::kTcp;
  flow.state = state;
  flow.expires = expires;
  return flow;
}

FlowTable::Hit find(const FlowTable& table, const FlowKey& key, Ticks now = 0) {
  return table.find(key, now);
}

FlowTable make_table(std::uint32_t flows_max) {
  return FlowTable({.flows_max = flows_max});
}

TEST(FlowTable, FindsBothSidesOfEveryFlowWhenFull) {
  constexpr std::uint32_t kFlows = 50'000;
  FlowTable table = make_table(kFlows);
  for (std::uint32_t n = 0; n < kFlows; ++n)
    ASSERT_EQ(Inserted::done, table.insert(flow_number(n), 0).outcome) << n;
  for (std::uint32_t n = 0; n < kFlows; ++n) {
    const Flow flow = flow_number(n);
    const auto forward = find(table, flow.forward_key());
    const auto reply = find(table, flow.reply_key());
    ASSERT_EQ(Side::forward, forward.side) << n;
    ASSERT_EQ(Side::reply, reply.side) << n;
    ASSERT_EQ(forward.index, reply.index);
    ASSERT_EQ(flow.client, table.flow(forward.index).client);
  }
  EXPECT_EQ(Side::none, find(table, flow_number(kFlows).forward_key()).side);
  EXPECT_EQ(Inserted::full, table.insert(flow_number(kFlows), 0).outcome);
  EXPECT_EQ(1U, table.stats().refused.value());
}

TEST(FlowTable, AgreesWithASimpleModel) {
  std::mt19937 random(5);
  FlowTable table = make_table(4096);
  std::unordered_map<std::uint32_t, std::uint32_t> model;  // flow number to index
  for (int step = 0; step < 200'000; ++step) {
    const auto n = static_cast<std::uint32_t>(random() % 6000);
    const auto known = model.find(n);
    const auto hit = find(table, flow_number(n).forward_key());
    ASSERT_EQ(known != model.end(), hit.side == Side::forward);
    if (known != model.end()) {
      ASSERT_EQ(known->second, hit.index);
      if (random() % 2 == 0) {
        table.remove(hit.index, 0);
        model.erase(known);
        ASSERT_EQ(Side::none, find(table, flow_number(n).reply_key()).side);
      }
    } else if (model.size() < 4096) {
      const auto inserted = table.insert(flow_number(n), 0);
      ASSERT_EQ(Inserted::done, inserted.outcome);
      model[n] = inserted.index;
    }
    ASSERT_EQ(model.size(), table.stats().live.value());
  }
}

TEST(FlowTable, FloodKeepsEstablished) {  // flood_keeps_established
  constexpr std::uint32_t kFlows = 8192;
  FlowTable table = make_table(kFlows);
  for (std::uint32_t n = 0; n < kFlows / 2; ++n)
    ASSERT_EQ(Inserted::done, table.insert(flow_number(n), 0).outcome);
  for (std::uint32_t n = 0; n < 10 * kFlows; ++n)
    static_cast<void>(table.insert(flow_number(100'000 + n, FlowState::opening), 0));
  for (std::uint32_t n = 0; n < kFlows / 2; ++n) {
    ASSERT_EQ(Side::forward, find(table, flow_number(n).forward_key()).side) << n;
    ASSERT_EQ(Side::reply, find(table, flow_number(n).reply_key()).side) << n;
  }
  EXPECT_EQ(kFlows, table.stats().live.value());
  EXPECT_LT(9 * kFlows, table.stats().evicted.value() + table.stats().refused.value());
  // And a real client still gets in.
  EXPECT_EQ(Inserted::done, table.insert(flow_number(999'999, FlowState::opening), 0).outcome);
}

TEST(FlowTable, ExpiredFlowsMakeRoom) {
  FlowTable table = make_table(64);
  for (std::uint32_t n = 0; n < 64; ++n)
    ASSERT_EQ(Inserted::done, table.insert(flow_number(n), 0).outcome);
  EXPECT_EQ(Side::none, find(table, flow_number(0).forward_key(), 1000).side);
  for (std::uint32_t n = 0; n < 64; ++n)
    EXPECT_EQ(Inserted::done,
              table.insert(flow_number(n, FlowState::established, 5000), 1000).outcome);
  EXPECT_EQ(64U, table.stats().expired.value());
}

TEST(FlowTable, AgeingTakesItsTurns) {
  FlowTable table = make_table(64);
  for (std::uint32_t n = 0; n < 64; ++n)
    static_cast<void>(table.insert(flow_number(n, FlowState::established, n < 32 ? 10 : 5000), 0));
  for (int turn = 0; turn < 8; ++turn) table.age(20, 8);
  EXPECT_EQ(32U, table.stats().live.value());
  EXPECT_EQ(32U, table.stats().expired.value());
}

TEST(FlowTable, TouchMovesTheDeadline) {
  FlowTable table = make_table(64);
  const std::uint32_t index = table.insert(flow_number(1), 0).index;
  table.touch(index, FlowState::established, lifetimes(2000), 900);
  EXPECT_EQ(Side::forward, find(table, flow_number(1).forward_key(), 2800).side);
  EXPECT_EQ(Side::none, find(table, flow_number(1).forward_key(), 2900).side);
}

TEST(FlowTable, ATinyTableWorks) {
  FlowTable table = make_table(1);
  EXPECT_EQ(Inserted::done, table.insert(flow_number(1), 0).outcome);
  EXPECT_EQ(Inserted::full, table.insert(flow_number(2), 0).outcome);
  table.remove(0, 0);
  EXPECT_EQ(Inserted::done, table.insert(flow_number(2), 0).outcome);
}

TEST(FlowTable, FullNatTableDropsNewFlows) {
  Source source = lab_source();
  source.flows_max = 4;
  Balancer lab(source);
  const auto echo = [&](std::uint16_t port) {
    const auto sent =
        lab.send(test::packet().ip("198.18.0.2", "198.18.100.82").udp(port, 7).build());
    if (sent.packet.verdict != Verdict::none) return sent.packet.reason;
    const std::string backend = sent.packet.key.destination.text();
    static_cast<void>(lab.send(test::packet().ip(backend, "198.18.0.2").udp(7, port).build()));
    return DropReason::none;
  };
  for (std::uint16_t port = 1; port <= 4; ++port) EXPECT_EQ(DropReason::none, echo(port));
  EXPECT_EQ(DropReason::flow_table_full, echo(5));
  lab.wait(31 * kSecond);
  EXPECT_EQ(DropReason::none, echo(5));
}

}  // namespace
}  // namespace sluice::balancer
