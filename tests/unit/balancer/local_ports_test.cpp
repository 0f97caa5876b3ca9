// Who gets which local port, and when again.
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "dataplane/balancer/local_pools.hpp"
#include "dataplane/packet/spread.hpp"
#include "tests/unit/balancer/full_nat.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

constexpr std::uint8_t kFinAck = tcp_flag::kFin | tcp_flag::kAck;

/// One backend, one local address, a few ports.
Source tiny_pool(std::uint16_t ports, Nanoseconds rest = 60 * kSecond) {
  Source source = full_nat_source();
  for (ServiceSource& service : source.services) {
    service.backends.resize(1);
    service.local.addresses = {prefix("198.18.2.1/32"), prefix("2001:2:0:2::1/128")};
    service.local.first_port = 2000;
    service.local.last_port = static_cast<std::uint16_t>(1999 + ports);
    service.local_port_rest = rest;
  }
  return source;
}

struct Ports : ::testing::Test {
  Balancer lab{tiny_pool(4)};

  Balancer::Outcome open(std::uint16_t port) {
    lab.wait(LocalPorts::kPause * kMillisecond);
    return lab.send(
        packet().ip("198.18.0.2", "198.18.100.80").tcp(port, 80, tcp_flag::kSyn).build());
  }
  Balancer::Outcome client(std::uint16_t port, std::uint8_t flags) {
    return lab.send(packet().ip("198.18.0.2", "198.18.100.80").tcp(port, 80, flags).build());
  }
  void close(std::uint16_t port, const Packet& sent) {
    static_cast<void>(lab.send(tcp_reply(sent, kSynAck)));
    static_cast<void>(client(port, tcp_flag::kAck));
    static_cast<void>(client(port, kFinAck));
    static_cast<void>(lab.send(tcp_reply(sent, kFinAck)));
  }
  void forget() { lab.flows->age(ticks_of(lab.harness.context.now), lab.flows->capacity()); }
  std::uint64_t in_use() { return lab.counted("service/web/local_ports_in_use").events; }
};

TEST_F(Ports, RestAfterTheFlowAndComeBack) {
  std::set<std::uint16_t> taken;
  for (std::uint16_t port = 1; port <= 4; ++port) {
    const auto sent = open(port);
    ASSERT_EQ(DropReason::none, sent.packet.reason);
    taken.insert(sent.packet.key.source_port);
    close(port, sent.packet);
  }
  EXPECT_EQ(4U, taken.size());
  EXPECT_EQ(DropReason::local_ports_exhausted, open(5).packet.reason);
  lab.wait(11 * kSecond);  // tcp_closing
  forget();
  EXPECT_EQ(0U, in_use());
  EXPECT_EQ(DropReason::local_ports_exhausted, open(5).packet.reason) << "the backend's TIME_WAIT";
  lab.wait(50 * kSecond);
  EXPECT_EQ(DropReason::local_ports_exhausted, open(5).packet.reason);
  lab.wait(11 * kSecond);
  EXPECT_EQ(DropReason::none, open(5).packet.reason);
  EXPECT_EQ(1U, in_use());
}

TEST_F(Ports, OfUnansweredFlowsComeBackAtOnce) {
  for (std::uint16_t port = 1; port <= 4; ++port)
    ASSERT_EQ(DropReason::none, open(port).packet.reason);
  EXPECT_EQ(DropReason::local_ports_exhausted, open(5).packet.reason);
  lab.wait(6 * kSecond);  // tcp_half_open
  forget();
  EXPECT_EQ(DropReason::none, open(5).packet.reason);
}

TEST_F(Ports, ANewConnectionOfTheSameClientPortHasAnotherEnd) {
  const auto first = open(1);
  close(1, first.packet);
  const auto second = open(1);
  ASSERT_EQ(DropReason::none, second.packet.reason);
  EXPECT_NE(first.packet.key.source_port, second.packet.key.source_port);
}

TEST_F(Ports, OfUdpDoNotRest) {
  lab.source = tiny_pool(1);
  lab.apply();
  const auto ask = [&](std::uint16_t port) {
    lab.wait(LocalPorts::kPause * kMillisecond);
    return lab.send(packet().ip("198.18.0.2", "198.18.100.82").udp(port, 7).build()).packet.reason;
  };
  EXPECT_EQ(DropReason::none, ask(1));
  EXPECT_EQ(DropReason::local_ports_exhausted, ask(2));
  lab.wait(31 * kSecond);
  forget();
  EXPECT_EQ(DropReason::none, ask(2));
}

TEST_F(Ports, SharedWithAnotherServiceAreNotAllTaken) {
  lab.source = tiny_pool(8);
  ServiceSource other = lab.source.services[0];
  other.name = "other";
  other.addresses = {address("198.18.100.90")};
  lab.source.services.push_back(other);
  lab.apply();
  unsigned web = 0;
  for (std::uint16_t port = 1; port <= 20; ++port)
    web += open(port).packet.reason == DropReason::none ? 1 : 0;
  EXPECT_EQ(4U, web);
  unsigned theirs = 0;
  for (std::uint16_t port = 1; port <= 20; ++port) {
    const auto sent =
        lab.send(packet().ip("198.18.0.2", "198.18.100.90").tcp(port, 80, tcp_flag::kSyn).build());
    theirs += sent.packet.reason == DropReason::none ? 1 : 0;
  }
  EXPECT_EQ(4U, theirs);
}

TEST(LocalPool, NamesEveryEndOnce) {
  LocalSource source;
  source.addresses = {prefix("198.18.2.4/30"), prefix("2001:2:0:2::/126"), prefix("198.18.3.1/32")};
  source.first_port = 5000;
  source.last_port = 5009;
  for (const bool v4 : {true, false}) {
    const LocalPool pool = pool_for(source, v4, {});
    ASSERT_EQ(v4 ? 50U : 40U, pool.size());
    std::set<std::pair<IpAddress, std::uint16_t>> seen;
    for (std::uint32_t i = 0; i < pool.size(); ++i) {
      IpAddress at;
      std::uint16_t port = 0;
      pool.name(i, at, port);
      EXPECT_TRUE(seen.insert({at, port}).second);
      EXPECT_TRUE(port >= 5000 && port <= 5009);
      EXPECT_TRUE(v4 ? prefix("198.18.2.4/30").contains(at) || at == address("198.18.3.1")
                     : prefix("2001:2:0:2::/126").contains(at));
    }
  }
}

TEST(LocalPool, OfThePortsOwnAddressLeavesTheHostItsPorts) {
  Way way;
  way.source = address("198.18.1.1");
  const LocalPool pool = pool_for({}, true, way);
  IpAddress at;
  std::uint16_t port = 0;
  pool.name(pool.size() - 1, at, port);
  EXPECT_EQ(address("198.18.1.1"), at);
  EXPECT_EQ(32'767, port);
  EXPECT_EQ(0U, pool_for({}, false, way).size());
}

/// Whatever is opened and closed by whom: no two live flows look the same to a backend, none uses
/// what rests, and every reply would come to the worker of its flow.
class Interleavings : public ::testing::TestWithParam<std::uint16_t> {};

TEST_P(Interleavings, KeepRepliesApart) {
  const std::uint16_t workers = GetParam();
  constexpr Nanoseconds kRest = 20 * kSecond;
  Source source = tiny_pool(48, kRest);
  for (ServiceSource& service : source.services)
    service.backends = lab_source().services[0].backends;
  std::vector<std::unique_ptr<Balancer>> labs;
  for (std::uint16_t w = 0; w < workers; ++w)
    labs.push_back(std::make_unique<Balancer>(source, workers, w));
  struct Live {
    std::uint16_t worker, port;
    std::uint32_t flow;
    Packet sent;
  };
  const auto text = [](const FlowKey& key) {
    return key.source.text() + " " + std::to_string(key.source_port) + " " +
           key.destination.text() + " " + std::to_string(key.destination_port);
  };
  std::mt19937 random(workers);
  std::map<std::string, Live> live;              // by reply key
  std::map<std::string, Nanoseconds> forgotten;  // when
  unsigned opened = 0;
  unsigned refused = 0;
  for (int step = 0; step < 6000; ++step) {
    for (auto& lab : labs) lab->wait(random() % 20 * kMillisecond);
    const auto w = static_cast<std::uint16_t>(random() % workers);
    Balancer& lab = *labs[w];
    const Nanoseconds now = lab.harness.context.now;
    if (random() % 3 != 0 || live.empty()) {
      const auto port = static_cast<std::uint16_t>(random() % 60'000 + 1);
      const auto sent = lab.send(
          packet().ip("198.18.0.2", "198.18.100.80").tcp(port, 80, tcp_flag::kSyn).build());
      if (sent.packet.verdict == Verdict::dropped) {
        ++refused;
        continue;
      }
      const FlowKey reply = sent.packet.key.reversed();
      const auto found = live.find(text(reply));
      if (found != live.end()) {
        ASSERT_EQ(w, found->second.worker);
        ASSERT_EQ(port, found->second.port) << "sent again";
        continue;
      }
      ++opened;
      ASSERT_EQ(w, worker_of(reply, HashSeed{}, workers));
      const auto before = forgotten.find(text(reply));
      ASSERT_TRUE(before == forgotten.end() || now - before->second >= kRest - kMillisecond);
      ASSERT_EQ(Verdict::none, lab.send(tcp_reply(sent.packet, kSynAck)).packet.verdict);
      live[text(reply)] = {w, port, sent.packet.flow - 1, sent.packet};
    } else {
      auto some = live.begin();
      std::advance(some, static_cast<long>(random() % live.size()));
      Balancer& owner = *labs[some->second.worker];
      owner.flows->remove(some->second.flow, ticks_of(owner.harness.context.now));
      forgotten[some->first] = owner.harness.context.now;
      live.erase(some);
    }
    // Half-open flows are forgotten by time too.
    for (auto& each : labs) each->flows->age(ticks_of(each->harness.context.now), 1024);
    for (auto it = live.begin(); it != live.end();) {
      Balancer& owner = *labs[it->second.worker];
      const Ticks ticks = ticks_of(owner.harness.context.now);
      const Flow* flow = owner.flows->record(it->second.flow, ticks);
      if (flow != nullptr && flow->client_port == it->second.port) {
        ++it;
        continue;
      }
      forgotten[it->first] = owner.harness.context.now;
      it = live.erase(it);
    }
  }
  EXPECT_LT(400U, opened) << "ports come back: there are 144 at a time";
  EXPECT_LT(0U, refused);
}
INSTANTIATE_TEST_SUITE_P(Workers, Interleavings, ::testing::Values(1, 2, 5));

}  // namespace
}  // namespace sluice::balancer
