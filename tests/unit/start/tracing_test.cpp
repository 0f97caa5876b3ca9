#include "dataplane/start/tracing.hpp"

#include <gtest/gtest.h>

namespace sluice::start {
namespace {

const std::vector<std::string> kPorts = {"wan", "lan"};

TEST(TraceFilterOf, ReadsEveryField) {
  v1::TraceFilter filter;
  filter.set_protocol("udp");
  filter.set_source("198.18.0.2");
  filter.set_destination("198.18.100.0/24");
  filter.set_destination_port(53);
  filter.set_port("lan");
  filter.set_dropped_only(true);
  const auto out = trace_filter_of(filter, kPorts);
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_TRUE(out->has_protocol);
  EXPECT_EQ(ip_protocol::kUdp, out->protocol);
  EXPECT_EQ("198.18.0.2/32", Prefix(out->source).text());
  EXPECT_TRUE(out->has_destination);
  EXPECT_EQ(53U, out->destination_port);
  EXPECT_EQ(0U, out->source_port);
  EXPECT_EQ(1U, out->in_port);
  EXPECT_TRUE(out->dropped_only);
}

TEST(TraceFilterOf, RefusesWhatItCannotUnderstand) {
  v1::TraceFilter filter;
  filter.set_protocol("carrier-pigeon");
  EXPECT_THAT(trace_filter_of(filter, kPorts).error().text(), testing::HasSubstr("is no protocol"));
  filter.set_protocol("256");
  EXPECT_FALSE(trace_filter_of(filter, kPorts));
  filter.set_protocol("47");
  EXPECT_EQ(47U, trace_filter_of(filter, kPorts)->protocol);
  filter.set_source("198.18.0.300");
  EXPECT_FALSE(trace_filter_of(filter, kPorts));
  filter.clear_source();
  filter.set_port("dmz");
  EXPECT_THAT(trace_filter_of(filter, kPorts).error().text(), testing::HasSubstr("use one of"));
}

class TracingTest : public testing::Test {
 protected:
  TracingTest() {
    SlotRegistry slots(16);
    snapshot_ = *compile(Sources{}, 1, slots);
  }
  void put(TraceChannel& channel, std::uint32_t filter) {
    TraceRecord record;
    record.filter = filter;
    record.revision = 1;
    record.in_port = 0;
    record.verdict = Verdict::dropped;
    record.reason = DropReason::no_route;
    ASSERT_TRUE(channel.records.put(record));
  }
  std::vector<v1::TracedPacket> collect(Tracing& tracing) {
    std::vector<v1::TracedPacket> out;
    tracing.collect(kSecond, 5000 * kSecond, *snapshot_,
                    [&out](v1::FromDataplane message) { out.push_back(message.traced()); });
    return out;
  }
  std::shared_ptr<const Snapshot> snapshot_;
  TraceChannel first_;
  TraceChannel second_;
};

TEST_F(TracingTest, TheLimitHoldsOverAllWorkersAndTheLastIsMarked) {
  Tracing tracing({&first_, &second_}, kPorts);
  v1::Trace trace;
  trace.set_id(77);
  trace.set_limit(3);
  ASSERT_TRUE(tracing.begin(trace));
  TraceFilter given;
  ASSERT_TRUE(first_.filters.take(given));
  EXPECT_EQ(3U, given.limit);
  for (int i = 0; i < 2; ++i) {
    put(first_, given.id);
    put(second_, given.id);
  }
  const auto traced = collect(tracing);
  ASSERT_EQ(3U, traced.size());
  EXPECT_EQ(77U, traced[0].id());
  EXPECT_EQ("wan", traced[0].in_port());
  EXPECT_EQ("no_route", traced[0].reason());
  EXPECT_EQ(4999 * kSecond, traced[0].time_unix_nanoseconds());
  EXPECT_FALSE(traced[1].last());
  EXPECT_TRUE(traced[2].last());
  ASSERT_TRUE(first_.filters.take(given));
  EXPECT_EQ(0U, given.id) << "the workers are told to stop";
}

TEST_F(TracingTest, RecordsOfAnEarlierTraceAreNotShown) {
  Tracing tracing({&first_}, kPorts);
  v1::Trace trace;
  trace.set_id(1);
  ASSERT_TRUE(tracing.begin(trace));
  TraceFilter old;
  ASSERT_TRUE(first_.filters.take(old));
  trace.set_id(2);
  ASSERT_TRUE(tracing.begin(trace));
  put(first_, old.id);
  EXPECT_TRUE(collect(tracing).empty());
  tracing.end(1);
  TraceFilter now;
  ASSERT_TRUE(first_.filters.take(now));
  EXPECT_NE(0U, now.id) << "the end of another trace is none of its business";
}

}  // namespace
}  // namespace sluice::start
