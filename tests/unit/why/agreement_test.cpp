// What `sluice why` says is what happens: for many packets in many states of the tables, the
// rehearsal and the real packet come to the same end by the same way, and the rehearsal changed
// nothing.
#include <map>
#include <optional>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/packet/bytes.hpp"
#include "tests/unit/why/world.hpp"

namespace sluice::test {
namespace {

constexpr MacAddress kLanMac{{0x02, 0, 0, 0, 1, 0xfe}};

struct Arrival {
  Bytes frame;
  PortId in_port = 0;
  std::uint16_t flags = 0;
};

/// Draws packets that have to do with one another: few clients, few ports, both directions.
class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {}

  Arrival next() {
    if (answer_ && below(2) == 0) return *std::exchange(answer_, std::nullopt);
    switch (below(10)) {
      case 0:
        return from_backend();
      case 1:
        return from_host();
      case 2:
        return mended(spoiled());
      case 3:
      case 4:
      case 5:
        return to_service();
      default:
        return from_client();
    }
  }
  /// Somebody may answer what left, so that connections come about.
  void note(const Outcome& outcome) {
    const Packet& p = outcome.packet;
    if (p.verdict != Verdict::sent || p.ip_version != 4 || !p.has(packet_flag::kL4)) return;
    PacketBuilder builder;
    builder.ethernet(p.out_port == 1 ? kLanMac : kOurMac, kTheirMac)
        .ip(p.key.destination.text(), p.key.source.text());
    if (p.key.protocol == ip_protocol::kUdp) {
      builder.udp(p.key.destination_port, p.key.source_port).payload("an answer");
    } else if (p.key.protocol == ip_protocol::kTcp && (p.tcp_flags & tcp_flag::kSyn) != 0) {
      const std::uint32_t sequence = load_be32(outcome.bytes.data() + p.l4 + 4);
      const bool opened = (p.tcp_flags & tcp_flag::kAck) != 0;
      builder.tcp(p.key.destination_port, p.key.source_port,
                  opened ? tcp_flag::kAck : tcp_flag::kSyn | tcp_flag::kAck,
                  opened ? load_be32(outcome.bytes.data() + p.l4 + 8) : 1000, sequence + 1);
    } else {
      return;
    }
    answer_ = Arrival{builder.build(), p.out_port, 0};
  }
  unsigned below(unsigned limit) {
    return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_);
  }

 private:
  template <std::size_t N>
  const char* one_of(const std::array<const char*, N>& choices) {
    return choices[below(N)];
  }
  std::uint16_t client_port() { return static_cast<std::uint16_t>(5000 + below(6)); }
  std::uint8_t tcp_flags() {
    static constexpr std::array<std::uint8_t, 6> kFlags{
        tcp_flag::kSyn, tcp_flag::kSyn,
        tcp_flag::kAck, tcp_flag::kAck | tcp_flag::kFin,
        tcp_flag::kRst, tcp_flag::kSyn | tcp_flag::kAck};
    return kFlags[below(kFlags.size())];
  }

  PacketBuilder transport(PacketBuilder builder, std::uint16_t from, std::uint16_t to) {
    switch (below(5)) {
      case 0:
        return builder.udp(from, to).payload("a datagram");
      case 1:
        return builder.echo_request(from);
      case 2:
        return builder.udp(from, to).payload(dns_query());
      default:
        return builder.tcp(from, to, tcp_flags(), below(3), below(3));
    }
  }

  Arrival from_client() {
    static constexpr std::array<const char*, 14> kTo{
        "198.18.100.80", "198.18.100.81", "198.18.100.82", "198.18.100.83", "198.18.100.84",
        "198.18.100.53", "198.18.1.11",   "198.18.1.12",   "198.18.1.13",   "198.18.0.1",
        "198.51.100.9",  "192.0.2.1",     "203.0.113.1",   "198.18.1.1"};
    static constexpr std::array<std::uint16_t, 9> kPorts{80, 8080, 7, 53, 2323, 2424, 2525, 22, 99};
    static constexpr std::array<const char*, 4> kFrom{"198.18.0.2", "198.18.0.3", "198.18.0.5",
                                                      "198.18.0.66"};
    const std::uint16_t to = kPorts[below(kPorts.size())];
    PacketBuilder builder;
    builder.ethernet(kOurMac, kTheirMac);
    if (below(4) == 0) {
      static constexpr std::array<const char*, 4> kTo6{"2001:2:0:100::80", "2001:2:0:1::11",
                                                       "2001:2::1", "2001:db8::1"};
      builder.ip("2001:2::2", one_of(kTo6));
    } else {
      builder.ip(one_of(kFrom), one_of(kTo));
    }
    if (below(20) == 0) builder.ttl(1);
    return {transport(builder, client_port(), to).build(), 0, 0};
  }

  Arrival to_service() {
    static constexpr std::array<const char*, 3> kTo{"198.18.100.80", "198.18.100.83",
                                                    "198.18.100.81"};
    const unsigned service = below(4);
    PacketBuilder builder;
    builder.ip("198.18.0.2", service == 3 ? "198.18.100.82" : kTo[service]);
    if (service == 3) return {builder.udp(client_port(), 7).payload("echo").build(), 0, 0};
    builder.tcp(client_port(), service == 2 ? 8080 : 80, tcp_flags(), below(3), below(3));
    return {builder.build(), 0, 0};
  }

  Arrival from_backend() {
    static constexpr std::array<const char*, 3> kFrom{"198.18.1.11", "198.18.1.12", "198.18.1.13"};
    static constexpr std::array<std::uint16_t, 3> kPorts{8080, 7, 2323};
    PacketBuilder builder;
    builder.ethernet(kLanMac, kTheirMac).ip(one_of(kFrom), "198.18.0.2");
    return {transport(builder, kPorts[below(3)], client_port()).build(), 1, 0};
  }

  Arrival from_host() {
    PacketBuilder builder;
    builder.ip("198.18.0.1", below(2) == 0 ? "198.18.0.2" : "198.18.1.12");
    return {transport(builder, 22, client_port()).build(), 2, packet_flag::kFromHost};
  }

  Arrival spoiled() {
    Arrival arrival = from_client();
    arrival.frame[below(static_cast<unsigned>(arrival.frame.size()))] ^=
        static_cast<std::uint8_t>(1U << below(8));
    return arrival;
  }
  /// What a rehearsal does not know: fragments wait for one another, ARP is no flow.
  static Arrival mended(Arrival arrival) {
    arrival.frame[12] = 0x08;
    arrival.frame[13] = 0x00;
    arrival.frame[20] = arrival.frame[21] = 0;
    return arrival;
  }

  std::mt19937_64 random_;
  std::optional<Arrival> answer_;
};

void move_time(World& world, Traffic& traffic, unsigned leaps) {
  static constexpr std::array<Nanoseconds, 5> kSteps{kMillisecond, 10 * kMillisecond, kSecond,
                                                     10 * kSecond, 60 * kSecond};
  world.pass(traffic.below(100) < leaps ? kSteps[traffic.below(5)] : kMillisecond);
  if (traffic.below(50) == 0) world.resolve(1, "198.18.1.12");
  if (traffic.below(50) == 0) world.resolve(0, "198.18.0.2");
  if (traffic.below(100) == 0) world.resolve(0, "198.18.0.254");
}

using Counts = std::map<std::string, unsigned>;

std::string end_of(const Outcome& outcome) {
  return std::string(outcome.record.verdict == Verdict::dropped ? name_of(outcome.record.reason)
                                                                : name_of(outcome.record.verdict));
}

/// `leaps`: how many of a hundred packets come after a pause.
Counts compare(const WorldOptions& options, std::uint64_t seed, unsigned packets, unsigned leaps) {
  World world(lab_sources(), options);
  Traffic traffic(seed);
  Counts ends;
  for (unsigned n = 0; n < packets; ++n) {
    const Arrival arrival = traffic.next();
    const Bytes before = world.everything();
    const auto rehearsal = world.rehearse(arrival.frame, arrival.in_port, arrival.flags);
    EXPECT_EQ(before, world.everything()) << "packet " << n << ": the rehearsal changed something";
    const Outcome real = world.run(arrival.frame, arrival.in_port, arrival.flags);
    EXPECT_EQ("", difference(outcome_of(*rehearsal), real)) << "packet " << n;
    if (testing::Test::HasFailure()) break;
    ++ends[end_of(real)];
    traffic.note(real);
    move_time(world, traffic, leaps);
  }
  return ends;
}

TEST(WhyAgreement, WithRoomInTheTables) {
  const Counts ends = compare({}, 1, 6000, 12);
  for (const char* end : {"sent", "answered", "held", "punted", "rule", "connection_invalid",
                          "no_backend", "flow_collision", "service_port_closed", "route_blackhole"})
    EXPECT_GT(ends.count(end), 0U) << end << " was not met";
}

TEST(WhyAgreement, WithFullTables) {
  Counts ends;
  for (const WorldOptions& options : {WorldOptions{.connections_max = 3, .neighbours_max = 8},
                                      WorldOptions{.connections_max = 16, .flows_max = 16},
                                      WorldOptions{.flows_max = 3, .neighbours_max = 8}})
    for (const auto& [end, count] : compare(options, 2, 4000, 1)) ends[end] += count;
  for (const char* end : {"sent", "connection_table_full", "flow_table_full"})
    EXPECT_GT(ends.count(end), 0U) << end << " was not met";
}

TEST(WhyAgreement, BetweenWorkersThatHandOverReplies) {
  WorldOptions options;
  options.workers = 2;
  World first(lab_sources(), options);
  options.worker = 1;
  World second(lab_sources(), options);
  std::array<World*, 2> worlds{&first, &second};
  Traffic traffic(3);
  unsigned handed = 0;
  for (unsigned n = 0; n < 4000 && !testing::Test::HasFailure(); ++n) {
    const Arrival arrival = traffic.next();
    World& world = *worlds[traffic.below(2)];
    World& other = &world == &first ? second : first;
    const auto rehearsal = world.rehearse(arrival.frame, arrival.in_port, arrival.flags);
    const Outcome real = world.run(arrival.frame, arrival.in_port, arrival.flags);
    EXPECT_EQ("", difference(outcome_of(*rehearsal), real)) << "packet " << n;
    handed += real.record.verdict == Verdict::handed ? 1 : 0;
    std::array<balancer::Redirect, 64> redirects;
    const unsigned count = world.pipeline().flows().take_redirects(redirects);
    for (unsigned i = 0; i < count; ++i)
      other.pipeline().flows().add_redirect(redirects[i], balancer::ticks_of(other.context().now));
    const Nanoseconds step = traffic.below(8) == 0 ? kSecond : kMillisecond;
    first.pass(step);
    second.pass(step);
  }
  EXPECT_GT(handed, 0U);
}

}  // namespace
}  // namespace sluice::test
