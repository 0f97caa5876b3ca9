#include "dataplane/shard/dns_stream.hpp"

#include <gtest/gtest.h>

#include "dataplane/io/sim_ring.hpp"
#include "tests/sim/seeds.hpp"

namespace sluice::shard {
namespace {

using Bytes = std::vector<std::uint8_t>;

[[nodiscard]] std::shared_ptr<const dns::ZoneSet> zones() {
  dns::Source source;
  source.zones.push_back({"example.test",
                          "@ 300 IN SOA ns1 host 1 3600 600 86400 60\n"
                          "@ 300 IN NS ns1\nns1 IN A 192.0.2.53\nwww 60 IN A 192.0.2.1\n"
                          "big 60 IN TXT \"" +
                              std::string(250, 'x') + "\" \"" + std::string(250, 'y') + "\"\n",
                          "example.zone"});
  SlotRegistry slots(64);
  return dns::compile(source, slots).value();
}

/// A query with its two-octet length (RFC 1035 section 4.2.2).
[[nodiscard]] Bytes query(std::uint16_t id, const std::string& label, std::uint8_t type) {
  Bytes q{static_cast<std::uint8_t>(id >> 8),
          static_cast<std::uint8_t>(id),
          0,
          0,
          0,
          1,
          0,
          0,
          0,
          0,
          0,
          0};
  for (const std::string& part : {label, std::string("example"), std::string("test")}) {
    q.push_back(static_cast<std::uint8_t>(part.size()));
    q.insert(q.end(), part.begin(), part.end());
  }
  for (const int b : {0, 0, static_cast<int>(type), 0, 1})
    q.push_back(static_cast<std::uint8_t>(b));
  const std::size_t size = q.size();
  q.insert(q.begin(), {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)});
  return q;
}

struct Talk {
  std::shared_ptr<io::SimClient> client;
  Bytes expected;
};

/// A client that sends some queries in one go; what it should get back is asked of answer_stream.
[[nodiscard]] Talk talk(io::SimReactor& sim, int port, const dns::ZoneSet& set,
                        std::uint16_t number) {
  Talk t;
  io::Endpoint from;
  from.port = number;
  t.client = sim.ring().connect(port, from);
  Bytes sent, buffer(65535);
  const std::array<const char*, 3> names{"www", "big", "nothing"};
  const std::uint64_t count = 1 + sim.ring().random().below(12);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Bytes q =
        query(static_cast<std::uint16_t>(number * 100 + i), names[sim.ring().random().below(3)],
              sim.ring().random().chance(500) ? 1 : 16);
    sent.insert(sent.end(), q.begin(), q.end());
    const auto answer = dns::answer_stream(set, std::span(q).subspan(2), buffer);
    t.expected.push_back(static_cast<std::uint8_t>(answer.size() >> 8));
    t.expected.push_back(static_cast<std::uint8_t>(answer.size()));
    t.expected.insert(t.expected.end(), answer.begin(), answer.end());
  }
  sim.ring().send(t.client, sent);
  sim.ring().finish(t.client);
  return t;
}

/// Every client gets the answers to its queries, whole and in order, or loses its connection.
TEST(DnsStream, AnswersWholeAndInOrderWhateverTheNetworkDoes) {
  const auto set = zones();
  std::uint64_t whole = 0, broken = 0;
  for_each_seed(1500, [&](std::uint64_t seed) {
    io::SimReactor sim(seed, io::Faults(60).set(io::FaultPoint::connection_reset, 5));
    const int port = sim.ring().add_listener();
    io::Listener listener(sim.reactor(), port, {}, [&](io::Connection& connection) {
      return serve_dns(connection, [&] { return set.get(); }, {});
    });
    listener.start();
    std::vector<Talk> talks;
    for (std::uint16_t i = 1; i <= 3; ++i) talks.push_back(talk(sim, port, *set, i));
    sim.run(60 * kSecond);
    for (const Talk& t : talks) {
      EXPECT_TRUE(t.client->ended()) << "SLUICE_SEED=" << seed;
      const Bytes& got = t.client->received();
      if (t.client->was_reset()) {
        ++broken;
        EXPECT_TRUE(got.size() <= t.expected.size() &&
                    std::equal(got.begin(), got.end(), t.expected.begin()))
            << "SLUICE_SEED=" << seed;
      } else {
        ++whole;
        EXPECT_EQ(t.expected, got) << "SLUICE_SEED=" << seed;
      }
    }
    sim.stop();
    ASSERT_EQ(0U, sim.reactor().tasks()) << "SLUICE_SEED=" << seed;
  });
  EXPECT_GT(whole, 0U);
  EXPECT_GT(broken, 0U);
}

TEST(DnsStream, ATrickleOfBytesDoesNotHoldAConnectionOpen) {
  const auto set = zones();
  io::SimReactor sim(1);
  const int port = sim.ring().add_listener();
  io::Listener listener(sim.reactor(), port, {}, [&](io::Connection& connection) {
    return serve_dns(connection, [&] { return set.get(); }, {.idle = 2 * kSecond});
  });
  listener.start();
  const auto client = sim.ring().connect(port, {});
  const Bytes byte{0};
  for (int i = 0; i < 10 && !client->ended(); ++i) {
    sim.ring().send(client, byte);
    sim.run(500 * kMillisecond);
  }
  EXPECT_TRUE(client->ended());
  sim.stop();
}

TEST(DnsStream, AClientThatDoesNotReadIsLetGo) {
  const auto set = zones();
  io::SimReactor sim(1);
  const int port = sim.ring().add_listener();
  io::Listener listener(sim.reactor(), port, {}, [&](io::Connection& connection) {
    return serve_dns(connection, [&] { return set.get(); }, {.idle = 2 * kSecond});
  });
  listener.start();
  const auto client = sim.ring().connect(port, {});
  client->set_window(3);
  sim.ring().send(client, query(1, "big", 16));
  sim.run(kSecond);
  EXPECT_FALSE(client->ended());
  sim.run(3 * kSecond);
  EXPECT_TRUE(client->ended());
  sim.stop();
}

}  // namespace
}  // namespace sluice::shard
