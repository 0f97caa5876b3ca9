// Tracing: which packets a filter matches, and what is noted of their way.
#include <gmock/gmock.h>

#include "dataplane/packet/names.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/unit/pipeline/crew.hpp"

namespace sluice::test {
namespace {

std::vector<TraceRecord> records_of(Crew& crew) {
  std::vector<TraceRecord> records(128);
  records.resize(crew.trace(0).records.take(records));
  return records;
}

std::vector<std::string> stages_of(const TraceRecord& record) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < record.steps_count; ++i)
    names.emplace_back(stage_name(record.steps[i].stage));
  return names;
}

TraceFilter everything() {
  TraceFilter filter;
  filter.id = 1;
  return filter;
}

void set(Crew& crew, const TraceFilter& filter) {
  ASSERT_TRUE(crew.trace(0).filters.put(filter));
}

Packet packet_of(const Bytes& frame) {
  static Bytes copy;
  copy = frame;
  Packet p;
  p.data = copy.data();
  p.length = static_cast<std::uint16_t>(copy.size());
  p.in_port = kWan;
  static_cast<void>(parse(p));
  return p;
}

TEST(TraceFilter, MatchesWhatAllItsFieldsMatch) {
  const Packet udp = packet_of(from_client("198.18.1.11").udp(5000, 53).build());
  const Packet arp = packet_of(packet().arp(1, kTheirMac, "198.18.0.2", {}, "198.18.0.1").build());
  const auto filter = [](auto change) {
    TraceFilter out;
    change(out);
    return out;
  };
  const std::pair<TraceFilter, bool> cases[] = {
      {{}, true},
      {filter([](auto& f) { f.in_port = kWan; }), true},
      {filter([](auto& f) { f.in_port = kLan; }), false},
      {filter([](auto& f) { f.source_port = 5000; }), true},
      {filter([](auto& f) { f.source_port = 53; }), false},
      {filter([](auto& f) { f.destination_port = 53; }), true},
      {filter([](auto& f) { f.destination_port = 54; }), false},
      {filter([](auto& f) { f.has_protocol = true, f.protocol = 17; }), true},
      {filter([](auto& f) { f.has_protocol = true, f.protocol = 0; }), false},
      {filter([](auto& f) { f.ether_type = 0x0806; }), false},
      {filter([](auto& f) {
         f.has_source = true;
         f.source = *Prefix::parse("198.18.0.0/24");
       }),
       true},
      {filter([](auto& f) {
         f.has_destination = true;
         f.destination = *Prefix::parse("198.18.0.0/24");
       }),
       false},
  };
  for (const auto& [f, matches] : cases) EXPECT_EQ(matches, f.matches(udp));
  EXPECT_TRUE(filter([](auto& f) { f.ether_type = 0x0806; }).matches(arp));
  EXPECT_FALSE(filter([](auto& f) { f.has_protocol = true; }).matches(arp)) << "it has none";
}

TEST(Trace, NotesEachStageThatThePacketMet) {
  const Sources sources = lab_with("udp dport 9 accept\ntcp dport 2323 drop");
  Crew crew(sources);
  set(crew, everything());
  crew.push(kWan, from_client("198.18.1.11").udp(5000, 9).build());
  crew.push(kWan, from_client("198.18.1.11").tcp(5000, 2323).build());
  crew.push(kWan, from_client("198.18.100.80").tcp(5000, 80, tcp_flag::kSyn).build());
  crew.push(kWan, Bytes(10));
  crew.turn();
  const auto records = records_of(crew);
  ASSERT_EQ(4U, records.size());
  EXPECT_THAT(stages_of(records[0]),
              ::testing::ElementsAre("parse", "early", "restore", "track", "route", "filter",
                                     "translate", "deliver"));
  EXPECT_EQ("filter", stages_of(records[1]).back());
  EXPECT_EQ(DropReason::rule, records[1].reason);
  EXPECT_EQ("deliver", stages_of(records[2]).back());
  EXPECT_THAT(stages_of(records[3]), ::testing::ElementsAre("parse"));
  EXPECT_EQ(DropReason::frame_truncated, records[3].reason);

  const auto snapshot = snapshot_of(sources);
  const TraceStep& balanced = records[2].steps[records[2].steps_count - 1];
  EXPECT_EQ("web", service_name(*snapshot, balanced.service));
  EXPECT_THAT(backend_name(*snapshot, balanced.backend), ::testing::StartsWith("be"));
  EXPECT_EQ(80, records[2].key.destination_port) << "as it came in";
  EXPECT_EQ(8080, balanced.key.destination_port) << "as it left";
  EXPECT_EQ(kLan, balanced.out_port);
  EXPECT_EQ("udp 198.18.0.2:5000 > 198.18.1.11:9 length 42", summary_of(records[0]));
}

TEST(Trace, TellsTheFinalVerdictWhenTheQueueWasFull) {
  Crew crew(lab());
  set(crew, everything());
  crew.queue(kLan).limit_sending(0);
  crew.push(kWan, from_client("198.18.1.11").udp(5000, 9).build());
  crew.turn();
  const auto records = records_of(crew);
  ASSERT_EQ(1U, records.size());
  EXPECT_EQ(Verdict::sent, records[0].steps[records[0].steps_count - 1].verdict);
  EXPECT_EQ(Verdict::dropped, records[0].verdict);
  EXPECT_EQ(DropReason::tx_full, records[0].reason);
}

TEST(Trace, StopsAtItsLimitAndSaysSo) {
  Crew crew(lab());
  TraceFilter filter = everything();
  filter.limit = 2;
  set(crew, filter);
  for (int i = 0; i < 5; ++i) crew.push(kWan, from_client("198.18.1.11").udp(5000, 9).build());
  crew.turn();
  const auto records = records_of(crew);
  ASSERT_EQ(2U, records.size());
  EXPECT_EQ(0, records[0].last);
  EXPECT_EQ(1, records[1].last);
  EXPECT_FALSE(crew.worker().pipeline().tracer().active());
  EXPECT_EQ(5U, crew.books().sent.value());
}

TEST(Trace, OfDropsOnlyLeavesOutTheRest) {
  Crew crew(lab());
  TraceFilter filter = everything();
  filter.dropped_only = true;
  set(crew, filter);
  crew.push(kWan, from_client("198.18.1.11").udp(5000, 9).build());
  crew.push(kWan, Bytes(10));
  crew.turn();
  const auto records = records_of(crew);
  ASSERT_EQ(1U, records.size());
  EXPECT_EQ(Verdict::dropped, records[0].verdict);
}

TEST(Trace, TakesTheFirstOfABurst) {
  Crew crew(lab());
  set(crew, everything());
  for (std::uint16_t port = 1; port <= 40; ++port)
    crew.push(kWan, from_client("198.18.1.11").udp(port, 9).build());
  crew.turn();
  const auto records = records_of(crew);
  ASSERT_EQ(Tracer::kPerBurst, records.size());
  EXPECT_EQ(1, records.front().key.source_port);
  EXPECT_EQ(16, records.back().key.source_port);
  EXPECT_EQ(40U, crew.books().sent.value());
}

TEST(Trace, LosesAndCountsWhatNobodyTakes) {
  Crew crew(lab());
  set(crew, everything());
  const std::uint32_t room = crew.trace(0).records.capacity();
  for (std::uint32_t i = 0; i < room + 5; ++i) {
    crew.push(kWan, from_client("198.18.1.11").udp(5000, 9).build());
    crew.turn();
  }
  EXPECT_EQ(5U, crew.trace(0).records.refused());
  EXPECT_EQ(room, records_of(crew).size());
}

TEST(Trace, EndsWhenItIsToldTo) {
  Crew crew(lab());
  set(crew, everything());
  set(crew, TraceFilter{});
  crew.push(kWan, from_client("198.18.1.11").udp(5000, 9).build());
  crew.turn();
  EXPECT_TRUE(records_of(crew).empty());
}

}  // namespace
}  // namespace sluice::test
