// Questions of operators to the workers: bounded, in order, and no worker is waited for for ever.
#include "dataplane/start/questions.hpp"

#include <gtest/gtest.h>

#include "dataplane/start/tables.hpp"
#include "dataplane/start/why.hpp"
#include "tests/unit/why/world.hpp"

namespace sluice::start {
namespace {

using testing::HasSubstr;
using Results = std::vector<v1::QueryResult>;

/// Two workers that answer when they are told to.
class QuestionsTest : public testing::Test {
 protected:
  QuestionsTest() {
    test::WorldOptions options;
    options.workers = 2;
    for (options.worker = 0; options.worker < 2; ++options.worker)
      workers_.push_back(std::make_unique<test::World>(test::lab_sources(), options));
    live_ = std::shared_ptr<const Snapshot>(&workers_[0]->snapshot(), [](const Snapshot*) {});
    node_.ports = {"wan", "lan", "host"};
    node_.pipeline = workers_[0]->options();
    node_.counters_max = test::World::kSlots;
    node_.spread = true;
  }

  /// A worker's turns, until it has answered all that it was asked.
  void answer(std::uint16_t worker) {
    Question* question = nullptr;
    test::World& world = *workers_[worker];
    while (channels_[worker].asked.take(question)) {
      while (!question->advance(world.pipeline(), world.context(), world.snapshot())) {
      }
      ASSERT_TRUE(channels_[worker].answered.put(question));
    }
  }
  Results turn(Nanoseconds now = kSecond) {
    Results results;
    questions_.turn(now, live_, [&](v1::FromDataplane out) { results.push_back(out.result()); });
    return results;
  }
  /// Everything up to the last result.
  Results ask(std::unique_ptr<Inquiry> inquiry) {
    questions_.ask(1, std::move(inquiry));
    Results results = turn();
    for (int n = 0; n < 10 && results.empty(); ++n) {
      answer(0);
      answer(1);
      results = turn();
    }
    return results;
  }
  Results why(const v1::WhyQuery& query) { return ask(std::make_unique<WhyInquiry>(query, node_)); }
  static v1::WhyQuery flow(const char* protocol, const char* source, std::uint32_t source_port,
                           const char* destination, std::uint32_t destination_port) {
    v1::WhyQuery query;
    query.set_protocol(protocol);
    query.set_source(source);
    query.set_source_port(source_port);
    query.set_destination(destination);
    query.set_destination_port(destination_port);
    return query;
  }
  static v1::TableQuery table(const char* name, std::uint32_t limit = 0) {
    v1::TableQuery query;
    query.set_table(name);
    query.set_limit(limit);
    return query;
  }

  [[nodiscard]] std::vector<const CounterBlock*> counters() {
    return {workers_[0]->context().slots, workers_[1]->context().slots};
  }

  std::vector<std::unique_ptr<test::World>> workers_;
  std::shared_ptr<const Snapshot> live_;
  RehearsedNode node_;
  std::array<QuestionChannel, 2> channels_;
  Questions questions_{{&channels_[0], &channels_[1]}};
};

TEST_F(QuestionsTest, WhyNamesWhatDecided) {
  const Results results = why(flow("tcp", "198.18.0.2", 5000, "198.18.1.11", 2323));
  ASSERT_EQ(1U, results.size());
  EXPECT_EQ(1U, results[0].id());
  EXPECT_TRUE(results[0].last());
  const v1::WhyAnswer& answer = results[0].why();
  EXPECT_EQ("tcp 198.18.0.2:5000 > 198.18.1.11:2323 length 54", answer.packet());
  EXPECT_EQ("wan", answer.in_port()) << "by the route to the source";
  EXPECT_EQ("dropped", answer.verdict());
  EXPECT_EQ("rule", answer.reason());
  EXPECT_EQ("edge:12", answer.rule());
  EXPECT_EQ("", answer.out_port());
  EXPECT_EQ(7U, answer.revision());
}

TEST_F(QuestionsTest, WhyAsksANameServerSomething) {
  v1::WhyQuery query = flow("udp", "198.18.0.2", 5000, "198.18.100.53", 53);
  EXPECT_THAT(why(query)[0].why().answer(),
              HasSubstr("example.test. SOA: zone example.test., NOE"));
  query.set_query_name("nothing.example.test");
  query.set_query_type("AAAA");
  EXPECT_THAT(why(query)[0].why().answer(), HasSubstr("zone example.test., NXDOMAIN"));
  query.set_query_name("www.elsewhere.test");
  EXPECT_THAT(why(query)[0].why().answer(), HasSubstr("REFUSED"));
  query.set_query_type("NONSENSE");
  EXPECT_THAT(why(query)[0].problems(0).what(), HasSubstr("no record type"));
}

TEST_F(QuestionsTest, WhySaysWhichFieldIsWrong) {
  const auto problem = [&](const v1::WhyQuery& query) {
    const Results results = why(query);
    return results[0].problems_size() == 0 ? v1::Problem() : results[0].problems(0);
  };
  EXPECT_EQ("protocol", problem(flow("tcpp", "198.18.0.2", 1, "198.18.1.11", 2)).path());
  EXPECT_EQ("source", problem(flow("tcp", "198.18.0.300", 1, "198.18.1.11", 2)).path());
  EXPECT_EQ("destination", problem(flow("tcp", "198.18.0.2", 1, "2001:2::1", 2)).path());
  EXPECT_EQ("source_port", problem(flow("tcp", "198.18.0.2", 70000, "198.18.1.11", 2)).path());
  const v1::Problem no_port = problem(flow("tcp", "203.0.113.9", 1, "198.18.1.11", 2));
  EXPECT_THAT(no_port.fix(), HasSubstr("--port"));
  v1::WhyQuery query = flow("tcp", "203.0.113.9", 1, "198.18.1.11", 2);
  query.set_port("dmz");
  EXPECT_THAT(problem(query).fix(), HasSubstr("wan, lan, host"));
  query.set_port("wan");
  EXPECT_EQ("sent", why(query)[0].why().verdict());
  query.set_query_name("www.example.test");
  EXPECT_THAT(problem(query).what(), HasSubstr("needs UDP"));
}

TEST_F(QuestionsTest, WhatComesFromUsComesByTheHostPort) {
  EXPECT_EQ("host", why(flow("tcp", "198.18.0.1", 22, "198.18.1.11", 5000))[0].why().in_port());
}

TEST_F(QuestionsTest, TheWorkerThatKnowsTheFlowIsFoundWhereTheNicSpreads) {
  node_.spread = false;
  const test::Bytes syn = test::packet().ip("198.18.0.2", "198.18.100.80").tcp(5000, 80, 2).build();
  const v1::WhyQuery query = flow("tcp", "198.18.0.2", 5000, "198.18.100.80", 80);
  const std::uint32_t by_hash = why(query)[0].why().worker();
  workers_[1 - by_hash]->run(syn, 0);
  const v1::WhyAnswer answer = why(query)[0].why();
  EXPECT_EQ(1 - by_hash, answer.worker());
}

TEST_F(QuestionsTest, AHandedPacketIsFollowedToItsOwner) {
  test::World& owner = *workers_[1];
  test::World& other = *workers_[0];
  const test::Outcome real =
      owner.run(test::packet().ip("198.18.0.2", "198.18.100.82").udp(5000, 7).build(), 0);
  std::array<balancer::Redirect, 8> redirects;
  ASSERT_EQ(1U, owner.pipeline().flows().take_redirects(redirects));
  other.pipeline().flows().add_redirect(redirects[0], balancer::ticks_of(other.context().now));
  // The reply, as the NIC may bring it to either.
  node_.spread = false;
  const FlowKey& key = real.packet.key;
  const std::string backend = key.destination.text();
  const v1::WhyAnswer answer =
      why(flow("udp", backend.c_str(), key.destination_port, "198.18.0.2", 5000))[0].why();
  EXPECT_EQ(1U, answer.worker());
  EXPECT_EQ("echo", answer.service());
}

TEST_F(QuestionsTest, TablesHaveTheRowsOfEveryWorker) {
  for (std::uint16_t port = 1; port <= 5; ++port) {
    const auto client = static_cast<std::uint16_t>(5000 + port);
    const auto frame = test::packet().ip("198.18.0.2", "198.18.100.82").udp(client, 7).build();
    workers_[port % 2]->run(frame, 0);
  }
  const Results all = ask(*table_inquiry(table("flows"), counters()));
  ASSERT_EQ(1U, all.size());
  EXPECT_EQ("worker", all[0].columns(0));
  ASSERT_EQ(5, all[0].rows_size());
  EXPECT_EQ("0", all[0].rows(0).cells(0));
  EXPECT_EQ("1", all[0].rows(4).cells(0));
  EXPECT_EQ("198.18.100.82:7", all[0].rows(0).cells(3));
  EXPECT_EQ("echo", all[0].rows(0).cells(4));
  EXPECT_EQ("fresh", all[0].rows(0).cells(7));
  const Results two = ask(*table_inquiry(table("flows", 2), counters()));
  EXPECT_EQ(2, two[0].rows_size());
  EXPECT_EQ(5U, two[0].total());
  EXPECT_EQ(5, ask(*table_inquiry(table("connections"), counters()))[0].rows_size());
  EXPECT_EQ(2, ask(*table_inquiry(table("neighbours", 2), counters()))[0].rows_size());
}

TEST_F(QuestionsTest, FlowCountsAreSumsOverWorkers) {
  for (std::uint16_t port = 1; port <= 5; ++port) {
    const auto client = static_cast<std::uint16_t>(5000 + port);
    const auto frame = test::packet().ip("198.18.0.2", "198.18.100.82").udp(client, 7).build();
    workers_[port % 2]->run(frame, 0);
  }
  const Results all = ask(*table_inquiry(table("flow-counts"), counters()));
  ASSERT_EQ(1U, all.size());
  std::map<std::string, int> by_service;
  for (const v1::TableRow& row : all[0].rows()) by_service[row.cells(0)] += std::stoi(row.cells(2));
  EXPECT_EQ(5, by_service.at("echo"));
  EXPECT_EQ(0, by_service.at("web"));
}

TEST_F(QuestionsTest, LongTablesComeInSeveralMessages) {
  for (std::uint16_t port = 0; port < 600; ++port)
    workers_[0]->run(test::packet()
                         .ip("198.18.0.2", "198.18.1.11")
                         .udp(static_cast<std::uint16_t>(10'000 + port), 99)
                         .build(),
                     0);
  const Results results = ask(*table_inquiry(table("connections", 1000), counters()));
  ASSERT_EQ(3U, results.size());
  EXPECT_FALSE(results[0].last());
  EXPECT_TRUE(results[2].last());
  EXPECT_EQ(600, results[0].rows_size() + results[1].rows_size() + results[2].rows_size());
}

TEST_F(QuestionsTest, TheRouteTableNamesWhatLeadsWhere) {
  const Results results = ask(*table_inquiry(table("routes"), counters()));
  std::map<std::string, std::string> routes;
  for (const v1::TableRow& row : results[0].rows()) {
    std::string text;
    for (int i = 1; i < row.cells_size(); ++i) text += row.cells(i) + "|";
    routes[row.cells(0)] = text;
  }
  EXPECT_EQ("connected||wan|||", routes["198.18.0.0/24"]);
  EXPECT_EQ("gateway|198.18.0.254|wan|||", routes["198.51.100.0/24"]);
  EXPECT_EQ("blackhole|||||", routes["192.0.2.0/24"]);
  EXPECT_EQ("local||||service|", routes["198.18.100.80/32"]);
}

TEST_F(QuestionsTest, TablesThatAreNotThereAndLimitsThatAreTooLarge) {
  EXPECT_THAT(table_inquiry(table("chairs"), counters()).error().text(), HasSubstr("use flows"));
  EXPECT_THAT(table_inquiry(table("flows", 10'001), counters()).error().text(),
              HasSubstr("10000 at most"));
}

TEST_F(QuestionsTest, AWorkerThatDoesNotAnswerIsNamed) {
  questions_.ask(5, *table_inquiry(table("flows"), counters()));
  EXPECT_TRUE(turn(kSecond).empty());
  answer(0);
  EXPECT_TRUE(turn(2 * kSecond).empty());
  const Results results = turn(kSecond + Questions::kPatience);
  ASSERT_EQ(1U, results.size());
  EXPECT_EQ(5U, results[0].id());
  EXPECT_THAT(results[0].problems(0).what(), HasSubstr("worker 1 does not answer"));
  // It wakes up late; what it was asked is still there for it, and later questions are answered.
  answer(1);
  EXPECT_EQ(1U, ask(*table_inquiry(table("flows"), counters())).size());
}

TEST_F(QuestionsTest, AWorkerIsAskedNoMoreThanItsRingHolds) {
  Nanoseconds now = kSecond;
  for (std::uint32_t n = 0; n < QuestionChannel::kQuestionsMax; ++n) {
    questions_.ask(n, *table_inquiry(table("flows"), counters()));
    (void)turn(now);
    now += Questions::kPatience;
    EXPECT_EQ(1U, turn(now).size());
  }
  questions_.ask(99, *table_inquiry(table("flows"), counters()));
  const Results results = turn(now);
  ASSERT_EQ(1U, results.size());
  EXPECT_THAT(results[0].problems(0).what(), HasSubstr("has not answered earlier questions"));
}

TEST_F(QuestionsTest, MoreQuestionsThanMayWaitAreRefused) {
  for (std::uint64_t id = 0; id < Questions::kWaitingMax + 2; ++id)
    questions_.ask(id, *table_inquiry(table("flows"), counters()));
  const Results results = turn();
  ASSERT_EQ(2U, results.size());
  EXPECT_EQ(Questions::kWaitingMax, results[0].id());
  EXPECT_THAT(results[0].problems(0).what(), HasSubstr("too many questions"));
}

TEST_F(QuestionsTest, BeforeTheFirstStateThereIsNothingToAsk) {
  live_ = nullptr;
  EXPECT_THAT(ask(*table_inquiry(table("flows"), counters()))[0].problems(0).what(),
              HasSubstr("no state is in force"));
}

}  // namespace
}  // namespace sluice::start
