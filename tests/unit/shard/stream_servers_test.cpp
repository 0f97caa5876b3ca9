#include "dataplane/shard/stream_servers.hpp"

#include <gtest/gtest.h>

#include "dataplane/io/sim_ring.hpp"

namespace sluice::shard {
namespace {

using dns::ServerSource;

[[nodiscard]] ServerSource server(const char* address, std::uint16_t port = 53) {
  ServerSource source;
  source.addresses = {IpAddress::parse(address).value()};
  source.port = port;
  return source;
}

/// Servers over a simulated kernel; remembers which descriptor was opened for what.
class StreamServersTest : public testing::Test {
 protected:
  StreamServersTest()
      : servers_(
            sim_.reactor(),
            [this](const io::Endpoint& at) -> Result<int> {
              if (at.text() == refused_) return fail("cannot listen", at.text());
              opened_.push_back(at.text());
              return descriptors_.emplace_back(sim_.ring().add_listener());
            },
            [] { return nullptr; }, nullptr) {}
  ~StreamServersTest() override {
    servers_.follow({});
    sim_.stop();
  }

  io::SimReactor sim_{1};
  std::vector<std::string> opened_;
  std::vector<int> descriptors_;
  std::string refused_;
  StreamServers servers_;
};

TEST_F(StreamServersTest, ListensWhereTheNameServersAre) {
  servers_.follow({server("198.18.100.53"), server("2001:2::53", 5353)});
  EXPECT_THAT(opened_, testing::UnorderedElementsAre("198.18.100.53:53", "[2001:2::53]:5353"));
  EXPECT_TRUE(servers_.complete());
}

TEST_F(StreamServersTest, TheSameServersAgainOpenNothing) {
  servers_.follow({server("198.18.100.53")});
  servers_.follow({server("198.18.100.53")});
  EXPECT_EQ(1U, opened_.size());
}

TEST_F(StreamServersTest, OtherLimitsReopen) {
  servers_.follow({server("198.18.100.53")});
  ServerSource other = server("198.18.100.53");
  other.stream.connections_max = 7;
  servers_.follow({other});
  EXPECT_EQ(2U, opened_.size());
}

TEST_F(StreamServersTest, AConnectionOutlivesItsListener) {
  servers_.follow({server("198.18.100.53")});
  const auto client = sim_.ring().connect(descriptors_.front(), {});
  sim_.run(10 * kMillisecond);
  servers_.collect();
  EXPECT_EQ(1U, servers_.counters().open.value());
  servers_.follow({});
  sim_.run(10 * kMillisecond);
  servers_.collect();
  EXPECT_EQ(1U, servers_.counters().open.value());
  EXPECT_FALSE(client->ended());
  sim_.run(20 * kSecond);  // idle for too long
  servers_.collect();
  EXPECT_TRUE(client->ended());
  EXPECT_EQ(0U, servers_.counters().open.value());
  EXPECT_EQ(1U, servers_.counters().accepted.value()) << "totals never fall";
}

TEST_F(StreamServersTest, AnAddressThatCannotBeOpenedIsNamedAndTriedAgain) {
  refused_ = "198.18.100.53:53";
  servers_.follow({server("198.18.100.53"), server("198.18.100.54")});
  EXPECT_FALSE(servers_.complete());
  ASSERT_EQ(1U, servers_.missing().size());
  EXPECT_EQ(refused_, servers_.missing().front().where);
  EXPECT_EQ(1U, servers_.counters().bind_errors.value());
  refused_.clear();
  servers_.follow({server("198.18.100.53"), server("198.18.100.54")});
  EXPECT_TRUE(servers_.complete());
}

}  // namespace
}  // namespace sluice::shard
