#include "dataplane/agent/samples.hpp"

#include <gtest/gtest.h>

namespace sluice::agent {
namespace {

using testing::ElementsAre;
using testing::Pair;

/// "name{label=value,...} value", as /metrics shows it.
std::string text_of(const v1::Sample& sample) {
  std::string labels;
  for (const v1::Label& label : sample.labels()) {
    labels += (labels.empty() ? "" : ",") + label.name() + "=" + label.value();
  }
  return sample.name() + "{" + labels + "} " +
         std::to_string(static_cast<std::uint64_t>(sample.value()));
}

std::vector<std::string> texts_of(const v1::Report& report) {
  std::vector<std::string> texts;
  for (const v1::Sample& sample : report.samples()) texts.push_back(text_of(sample));
  return texts;
}

TEST(SlotMetric, TrafficOfANamedThing) {
  const SlotMetric metric = slot_metric("firewall/edge/counter/telnet-alt");
  EXPECT_EQ("firewall_counter", metric.name);
  EXPECT_THAT(metric.labels, ElementsAre(Pair("firewall", "edge"), Pair("counter", "telnet-alt")));
  EXPECT_TRUE(metric.traffic);
}

TEST(SlotMetric, TheTextOfARuleMayHoldSlashes) {
  const SlotMetric metric =
      slot_metric("firewall/edge/rule/filter in: ip saddr 10.0.0.0/8 counter");
  EXPECT_EQ("firewall_rule", metric.name);
  EXPECT_THAT(metric.labels, ElementsAre(Pair("firewall", "edge"),
                                         Pair("rule", "filter in: ip saddr 10.0.0.0/8 counter")));
  EXPECT_TRUE(metric.traffic);
}

TEST(SlotMetric, EventsOfANamedThing) {
  const SlotMetric metric = slot_metric("service/web/flows-new");
  EXPECT_EQ("service_flows_new", metric.name);
  EXPECT_THAT(metric.labels, ElementsAre(Pair("service", "web")));
  EXPECT_FALSE(metric.traffic);
}

TEST(SlotMetric, EventsWithoutAName) {
  const SlotMetric metric = slot_metric("dns/formerr");
  EXPECT_EQ("dns_formerr", metric.name);
  EXPECT_TRUE(metric.labels.empty());
}

TEST(SlotMetric, AZoneWithASlashInItsName) {  // RFC 2317 section 4
  const SlotMetric metric = slot_metric("zone/0/25.2.0.192.in-addr.arpa/queries");
  EXPECT_EQ("zone_queries", metric.name);
  EXPECT_THAT(metric.labels, ElementsAre(Pair("zone", "0/25.2.0.192.in-addr.arpa")));
}

TEST(Samples, BooksBalanceAsTheyAreReported) {
  Books books;
  books.received.add(100);
  books.sent.add(40);
  books.answered.add(30);
  books.punted.add(5);
  books.held_now.set(3);
  books.dropped[static_cast<unsigned>(DropReason::no_route)].add(22);
  v1::Report report;
  Samples(report).books("0", books);
  Samples(report).early_drops(7);
  double in = 0;
  double out = 0;
  for (const v1::Sample& sample : report.samples()) {
    if (sample.name() == "packets_received_total") in += sample.value();
    for (const char* part : {"packets_sent_total", "packets_answered_total", "packets_punted_total",
                             "packets_held", "packets_dropped_total"}) {
      if (sample.name() == part) out += sample.value();
    }
  }
  EXPECT_EQ(107, in);
  EXPECT_EQ(in, out);
  EXPECT_THAT(texts_of(report),
              testing::IsSupersetOf({"packets_dropped_total{worker=0,reason=no_route} 22",
                                     "packets_dropped_total{worker=xdp,reason=early_list} 7"}));
}

TEST(Samples, SlotsAreSummedOverTheWorkers) {
  SlotRegistry registry(16);
  const Slot counter = registry.slot_of("firewall/edge/counter/telnet-alt");
  const Slot queries = registry.slot_of("zone/example.test/queries");
  CounterBlock first(16);
  CounterBlock second(16);
  first.add(counter, 60);
  second.add(counter, 1500);
  second.add(queries, 0);
  const std::array<const CounterBlock*, 2> blocks = {&first, &second};
  v1::Report report;
  Samples(report).slots(registry, blocks);
  EXPECT_THAT(texts_of(report),
              ElementsAre("firewall_counter_packets_total{firewall=edge,counter=telnet-alt} 2",
                          "firewall_counter_bytes_total{firewall=edge,counter=telnet-alt} 1560",
                          "zone_queries_total{zone=example.test} 1"));
}

TEST(Samples, WhatIsInUseIsAGauge) {
  SlotRegistry registry(16);
  const Slot ports = registry.slot_of("service/web/local_ports_in_use");
  CounterBlock first(16);
  CounterBlock second(16);
  for (int i = 0; i < 3; ++i) first.add(ports, 0);
  second.add(ports, 0, ~std::uint64_t{0});  // begun at the other worker
  const std::array<const CounterBlock*, 2> blocks = {&first, &second};
  v1::Report report;
  Samples(report).slots(registry, blocks);
  EXPECT_THAT(texts_of(report), ElementsAre("service_local_ports_in_use{service=web} 2"));
  EXPECT_TRUE(report.samples(0).gauge());
}

}  // namespace
}  // namespace sluice::agent
