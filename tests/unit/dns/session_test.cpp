// DNS over TCP, RFC 7766 and RFC 1035 section 4.2.2.
#include "dataplane/dns/session.hpp"

#include <random>

#include "tests/unit/dns/dns_harness.hpp"

namespace sluice::dns::test {
namespace {

struct SessionTest : testing::Test {
  SessionTest() : server("www A 192.0.2.80\n" + large()) {}

  static std::string large() {
    std::string out;
    for (int i = 0; i < 2000; ++i) {
      out += "large A 10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "\n";
    }
    return out;
  }
  static void append(Bytes& stream, const Bytes& message) {
    stream.push_back(static_cast<std::uint8_t>(message.size() >> 8));
    stream.push_back(static_cast<std::uint8_t>(message.size()));
    stream.insert(stream.end(), message.begin(), message.end());
  }
  static Bytes framed(const Bytes& message) {
    Bytes out;
    append(out, message);
    return out;
  }
  /// Takes all output.
  static Bytes drain(Session& session) {
    const auto out = session.output();
    Bytes copy(out.begin(), out.end());
    session.sent(copy.size(), 0);
    return copy;
  }

  Server server;
};

TEST_F(SessionTest, SplitInvariance) {
  Bytes stream;
  Bytes expected;
  for (const char* name : {"www.example.test", "gone.example.test", "large.example.test", "x"}) {
    const Bytes q = query(name, "A", {.edns = name[0] == 'l'});
    append(stream, q);
    append(expected, server.ask_bytes(q));
  }
  std::mt19937 random(7);
  for (unsigned most = 1; most <= stream.size(); ++most) {
    Session session({}, 0);
    Bytes got;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % most, stream.size() - at);
      const std::size_t taken =
          session.receive(*server.zones, std::span(stream).subspan(at, size), 0, nullptr);
      const Bytes out = drain(session);
      ASSERT_TRUE(taken == size || !out.empty());
      got.insert(got.end(), out.begin(), out.end());
      at += taken;
    }
    ASSERT_EQ(got, expected) << "segments of up to " << most;
  }
}

TEST_F(SessionTest, OutputIsBoundedAndInputWaits) {
  const Bytes one = framed(query("large.example.test", "A"));
  Bytes stream;
  for (int i = 0; i < 20; ++i) stream.insert(stream.end(), one.begin(), one.end());
  Session session({.output_max = 50'000}, 0);
  const std::size_t taken = session.receive(*server.zones, stream, 0, nullptr);
  EXPECT_EQ(taken, 2 * one.size());  // 32 kB each: the second goes over the limit
  EXPECT_FALSE(session.wants_input());
  EXPECT_EQ(session.receive(*server.zones, std::span(stream).subspan(taken), 0, nullptr), 0U);
  session.sent(40'000, 0);
  EXPECT_EQ(session.receive(*server.zones, std::span(stream).subspan(taken), 0, nullptr),
            one.size());
  EXPECT_EQ(session.output().size(),
            3 * (2 + server.ask_bytes(query("large.example.test", "A")).size()) - 40'000);
}

TEST_F(SessionTest, IdleIsTimeWithoutAWholeQuery) {
  const Bytes q = framed(query("www.example.test", "A"));
  Session session({.idle = 10 * kSecond}, 0);
  EXPECT_EQ(session.receive(*server.zones, q, 5 * kSecond, nullptr), q.size());
  session.tick(15 * kSecond - 1);
  EXPECT_EQ(session.end(), SessionEnd::none);
  // One octet a second keeps nobody alive.
  for (unsigned i = 0; i < 9; ++i) {
    EXPECT_EQ(
        session.receive(*server.zones, std::span(q).subspan(i, 1), (6 + i) * kSecond, nullptr), 1U);
  }
  session.tick(15 * kSecond);
  EXPECT_EQ(session.end(), SessionEnd::idle);
  EXPECT_EQ(session.receive(*server.zones, q, 15 * kSecond, nullptr), 0U);
}

TEST_F(SessionTest, WhatIsNoQueryEndsItAfterTheAnswersBefore) {
  Bytes response = query("www.example.test", "A");
  response[2] |= 0x80;
  for (const Bytes& bad : {Bytes{}, Bytes(11), response}) {
    Bytes stream = framed(query("www.example.test", "A"));
    append(stream, bad);
    append(stream, query("www.example.test", "A"));
    Session session({}, 0);
    static_cast<void>(session.receive(*server.zones, stream, 0, nullptr));
    EXPECT_EQ(session.end(), SessionEnd::not_a_query);
    EXPECT_EQ(drain(session), framed(server.ask_bytes(query("www.example.test", "A"))));
  }
}

TEST_F(SessionTest, AnswersAreWhollyFromTheSetGiven) {
  Server after("www A 192.0.2.99\n");
  const Bytes q = framed(query("www.example.test", "A"));
  Session session({}, 0);
  static_cast<void>(session.receive(*server.zones, std::span(q).first(q.size() - 1), 0, nullptr));
  static_cast<void>(session.receive(*after.zones, std::span(q).last(1), 0, nullptr));
  EXPECT_EQ(drain(session), framed(after.ask_bytes(query("www.example.test", "A"))));
}

TEST_F(SessionTest, MessagesOfEverySizeAreTakenAndCounted) {
  Bytes q = query("www.example.test", "A");
  q.resize(65535);  // trailing octets are no part of the answer
  Session session({}, 0);
  const Bytes stream = framed(q);
  EXPECT_EQ(session.receive(*server.zones, stream, 0, &server.harness.slots), stream.size());
  const Bytes out = drain(session);
  const auto a = read(std::span(out).subspan(2));
  ASSERT_TRUE(a);
  EXPECT_THAT(a->answer, testing::SizeIs(1));
  for (const NamedCounter& c : counters(*server.zones)) {
    if (c.name == "noerror") {
      EXPECT_EQ(server.harness.slots.read(c.slot).events, 1U);
    }
  }
}

}  // namespace
}  // namespace sluice::dns::test
