/// The lab's node as routing sees it: wan is port 0, lan is port 1, the host's TAP is port 2.
#pragma once

#include <gtest/gtest.h>

#include "dataplane/route/stages.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice::route::test {

using namespace sluice::test;

inline constexpr PortId kWan = 0, kLan = 1, kHostPort = 2;
inline constexpr MacAddress kLanMac{{0x02, 0, 0, 0, 0, 0xfd}};
inline constexpr MacAddress kHostMac{{0x02, 0, 0, 0, 0, 0xaa}};
inline constexpr MacAddress kBackendMac{{0x02, 0, 0, 0, 1, 0x11}};

inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}
inline Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

inline PortSource port_source(std::string name, PortId id, MacAddress mac,
                              const std::vector<std::string>& addresses) {
  PortSource port;
  port.name = std::move(name);
  port.id = id;
  port.mac = mac;
  for (const std::string& address : addresses) port.addresses.push_back(prefix(address));
  return port;
}

inline RouteEntry via(std::string_view destination, std::string_view gateway,
                      PortId port = kNoPort) {
  return {prefix(destination), ip(gateway), port, false};
}

inline Source lab() {
  Source source;
  source.ports = {
      port_source("wan", kWan, kOurMac, {"198.18.0.1/24", "2001:2::1/64"}),
      port_source("lan", kLan, kLanMac, {"198.18.1.1/24", "2001:2:0:1::1/64"}),
  };
  source.routes = {
      via("203.0.113.0/24", "198.18.1.13"),
      via("2001:db8:13::/48", "2001:2:0:1::13"),
      {prefix("192.0.2.0/24"), {}, kNoPort, true},
  };
  source.locals = {
      {prefix("198.18.100.80/32"), local_kind::kService},
      {prefix("198.18.100.53/32"), local_kind::kNameServer},
      {prefix("2001:2:0:100::80/128"), local_kind::kService},
      {prefix("198.18.0.53/32"), local_kind::kNameServer},
      {prefix("2001:2::53/128"), local_kind::kNameServer},
  };
  source.host_port = kHostPort;
  source.host_mac = kHostMac;
  return source;
}

inline std::shared_ptr<const Table> table_of(const Source& source) {
  auto table = compile(source);
  if (!table) throw std::runtime_error(table.error().front().text());
  return *table;
}

/// One worker with the lab's table. At the end of each test every buffer must have come back.
class RouteTest : public ::testing::Test {
 protected:
  explicit RouteTest(const Source& source = lab(), const NeighbourLimits& limits = {})
      : table(table_of(source)), neighbours(limits, HashSeed{}) {}

  void TearDown() override {
    neighbours.drop_held(harness.context);
    EXPECT_EQ(0U, harness.books.held_now.value());
    EXPECT_EQ(0U, harness.pool.outstanding()) << "a buffer was lost";
  }

  /// The way of a packet as far as this room goes; settles the books as the pipeline does.
  void run(TestBurst& test) {
    Burst& burst = test.burst;
    harness.books.received.add(burst.count);
    resolve(harness.context, *table, neighbours, burst);
    look_up(*table, burst);
    std::uint64_t ours = 0;
    burst.for_each_alive([&](unsigned i, const Packet& p) {
      if (table->is_local(p.next_hop)) ours |= std::uint64_t{1} << i;
    });
    local(harness.context, *table, burst, ours);
    forward(harness.context, *table, neighbours, burst);
    for (unsigned i = 0; i < burst.count; ++i) settle(burst.packets[i]);
  }

  void settle(const Packet& p) {
    Books& books = harness.books;
    switch (p.verdict) {
      case Verdict::sent:
        return books.sent.add(1);
      case Verdict::answered:
        return books.answered.add(1);
      case Verdict::punted:
        return books.punted.add(1);
      case Verdict::held:
        return books.held_now.add(1);
      case Verdict::dropped:
        return books.dropped[static_cast<unsigned>(p.reason)].add(1);
      default:
        ADD_FAILURE() << "no verdict";
    }
  }

  void expect_balanced() const {
    const Books& books = harness.books;
    std::uint64_t all =
        books.sent.value() + books.answered.value() + books.punted.value() + books.held_now.value();
    for (const Counter& c : books.dropped) all += c.value();
    EXPECT_EQ(books.received.value(), all);
  }

  /// Makes `address` known, as if it had asked for us.
  void learn(PortId port, std::string_view address, MacAddress mac) {
    neighbours.apply(harness.context, *table, {ip(address), mac, port, Evidence::asked, 0});
  }

  void pass(Nanoseconds time) { harness.context.now += time; }
  /// Time passes in small steps with a tick at each, as on a worker.
  void live(Nanoseconds time) {
    for (Nanoseconds end = harness.context.now + time; harness.context.now < end;) {
      pass(20 * kMillisecond);
      neighbours.tick(harness.context, *table);
    }
  }
  [[nodiscard]] std::uint64_t dropped(DropReason reason) const {
    return harness.books.dropped[static_cast<unsigned>(reason)].value();
  }
  [[nodiscard]] std::vector<RecordingEmitter::Frame> emitted() {
    return std::exchange(harness.emitter.frames, {});
  }
  [[nodiscard]] NeighbourState state_of(std::string_view address) const {
    for (const Neighbour& n : neighbours.entries()) {
      if (n.state != NeighbourState::free && n.address == ip(address)) return n.state;
    }
    return NeighbourState::free;
  }
  [[nodiscard]] MacAddress known_mac(std::string_view address) const {
    for (const Neighbour& n : neighbours.entries()) {
      if (n.state != NeighbourState::free && n.address == ip(address)) return n.mac;
    }
    return {};
  }

  StageHarness harness;
  std::shared_ptr<const Table> table;
  Neighbours neighbours;
};

/// Parses a frame that a stage made: every length and checksum in it must be right.
inline Packet parsed(Bytes& frame) {
  Packet p;
  p.data = frame.data();
  p.length = p.room = static_cast<std::uint16_t>(frame.size());
  const DropReason reason = parse(p);
  EXPECT_EQ(DropReason::none, reason) << name_of(reason);
  return p;
}

inline MacAddress mac_of(const Bytes& frame, std::size_t at) {
  MacAddress mac;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), 6, mac.bytes.begin());
  return mac;
}
inline MacAddress to(const Bytes& frame) {
  return mac_of(frame, 0);
}
inline MacAddress from(const Bytes& frame) {
  return mac_of(frame, 6);
}

}  // namespace sluice::route::test
