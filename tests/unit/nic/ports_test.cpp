// Ports over EAL without huge pages: frames go out and come back as they were written.
#include <algorithm>
#include <chrono>

#include "dataplane/nic/eal.hpp"
#include "dataplane/nic/port.hpp"

namespace sluice::nic {
namespace {

const std::vector<PortSpec>& all_modes() {
  static const std::vector<PortSpec> kSpecs = [] {
    std::vector<PortSpec> specs(2);
    specs[0].mode = PortMode::null;
    specs[1].mode = PortMode::ring;
    return specs;
  }();
  return kSpecs;
}

/// EAL starts once a process.
class PortsTest : public testing::Test {
 public:
  static void SetUpTestSuite() {
    EalOptions options;
    options.file_prefix = "nic-test";
    options.huge_pages = HugePages::no;
    options.megabytes = 128;
    options.buffers = kBuffers;
    static Result<Eal> eal = Eal::start(options, all_modes());
    ASSERT_TRUE(eal) << eal.error().text();
  }

 protected:
  static constexpr unsigned kBuffers = 4096;

  static PortSpec spec(const char* name, PortMode mode, std::uint16_t queues = 1) {
    PortSpec out;
    out.name = name;
    out.mode = mode;
    out.queues = queues;
    out.queue_size = 256;
    return out;
  }
  static std::unique_ptr<Ports> open(const std::vector<PortSpec>& specs) {
    auto ports = open_ports(specs, {.workers = 1, .buffers = kBuffers});
    EXPECT_TRUE(ports) << ports.error().text();
    return ports ? std::move(*ports) : nullptr;
  }
};

TEST_F(PortsTest, RingGivesBackWhatWasWritten) {
  auto ports = open({spec("loop", PortMode::ring, 2)});
  ASSERT_NE(ports, nullptr);
  ASSERT_EQ(ports->queues(0), 2U);
  for (unsigned q = 0; q < 2; ++q) {
    Packet packet;
    ASSERT_TRUE(ports->pool().allocate(packet));
    EXPECT_GE(packet.headroom, 64);
    packet.length = 100;
    for (unsigned i = 0; i < 100; ++i) packet.data[i] = static_cast<std::uint8_t>(i + q);
    packet.data += 4;  // a header taken off in front
    packet.length = 96;
    packet.room = static_cast<std::uint16_t>(packet.room - 4);
    Packet* const out[] = {&packet};
    ASSERT_EQ(ports->queue(0, q).send(out), 1U);

    std::array<Packet, 4> in;
    EXPECT_EQ(ports->queue(0, 1 - q).receive(in), 0U);
    ASSERT_EQ(ports->queue(0, q).receive(in), 1U);
    EXPECT_EQ(in[0].length, 96);
    EXPECT_EQ(in[0].in_port, 0);
    EXPECT_EQ(in[0].flags, 0);
    for (unsigned i = 0; i < 96; ++i)
      ASSERT_EQ(in[0].data[i], static_cast<std::uint8_t>(i + 4 + q));
    Packet* const back[] = {&in[0]};
    ports->queue(0, q).release(back);
  }
}

TEST_F(PortsTest, ShortFramesArePaddedWithZeros) {
  auto ports = open({spec("loop", PortMode::ring)});
  ASSERT_NE(ports, nullptr);
  Packet packet;
  ASSERT_TRUE(ports->pool().allocate(packet));
  std::fill_n(packet.data, 60, std::uint8_t{0xee});
  packet.length = 42;
  Packet* const out[] = {&packet};
  ASSERT_EQ(ports->queue(0, 0).send(out), 1U);
  std::array<Packet, 1> in;
  ASSERT_EQ(ports->queue(0, 0).receive(in), 1U);
  EXPECT_EQ(in[0].length, 60);
  EXPECT_EQ(std::count(in[0].data, in[0].data + 42, 0xee), 42);
  EXPECT_EQ(std::count(in[0].data + 42, in[0].data + 60, 0), 18);
  Packet* const back[] = {&in[0]};
  ports->queue(0, 0).release(back);
}

TEST_F(PortsTest, WhatAFullQueueDoesNotTakeStaysTheCallers) {
  auto ports = open({spec("loop", PortMode::ring)});
  ASSERT_NE(ports, nullptr);
  std::vector<Packet> packets(300);
  std::vector<Packet*> pointers;
  for (Packet& packet : packets) {
    ASSERT_TRUE(ports->pool().allocate(packet));
    packet.length = 60;
    pointers.push_back(&packet);
  }
  EXPECT_EQ(ports->queue(0, 0).send(pointers), 256U);
  ports->queue(0, 0).release(std::span<Packet* const>(pointers).subspan(256));
  EXPECT_EQ(ports->statistics(0).tx_packets, 256U);
}

TEST_F(PortsTest, NoBufferIsLostOrGivenTwice) {
  auto ports = open({spec("source", PortMode::null), spec("loop", PortMode::ring)});
  ASSERT_NE(ports, nullptr);
  // Many times more frames than there are buffers.
  std::array<Packet, kBurstMax> packets;
  std::vector<Packet*> pointers;
  for (Packet& packet : packets) pointers.push_back(&packet);
  for (unsigned round = 0; round < 1000; ++round) {
    const unsigned n = ports->queue(0, 0).receive(packets);
    ASSERT_EQ(n, kBurstMax) << "round " << round;
    const auto burst = std::span<Packet* const>(pointers).first(n);
    const unsigned sent = ports->queue(round % 2, 0).send(burst.first(n / 2));
    ports->queue(0, 0).release(burst.subspan(sent));
    std::array<Packet, kBurstMax> back;
    std::vector<Packet*> returned;
    const unsigned m = ports->queue(1, 0).receive(back);
    for (unsigned i = 0; i < m; ++i) returned.push_back(&back[i]);
    ports->queue(1, 0).release(returned);
  }
  EXPECT_EQ(ports->statistics(0).rx_packets, 64'000U);
  EXPECT_EQ(ports->statistics(0).tx_packets, 16'000U);
  EXPECT_EQ(ports->statistics(1).rx_packets, 16'000U);
  EXPECT_EQ(ports->statistics(1).rx_bytes, 16'000U * 64);
}

TEST_F(PortsTest, PacketsOfTheHostSaySo) {
  auto host = spec("host", PortMode::null);
  host.host = true;
  auto ports = open({host});
  ASSERT_NE(ports, nullptr);
  std::array<Packet, 1> in;
  ASSERT_EQ(ports->queue(0, 0).receive(in), 1U);
  EXPECT_EQ(in[0].flags, packet_flag::kFromHost);
  Packet* const back[] = {&in[0]};
  ports->queue(0, 0).release(back);
}

TEST_F(PortsTest, LinkAndAddressAreKnown) {
  auto ports = open({spec("source", PortMode::null)});
  ASSERT_NE(ports, nullptr);
  EXPECT_TRUE(ports->link_up(0));
  EXPECT_NE(ports->mac(0), MacAddress{});
  EXPECT_FALSE(ports->mac(0).is_group());
}

TEST_F(PortsTest, TooFewBuffersAreRefusedWithTheNumberToSet) {
  const std::vector specs{spec("a", PortMode::null, 8), spec("b", PortMode::null, 8)};
  auto ports = open_ports(specs, {.workers = 2, .buffers = 4096});
  ASSERT_FALSE(ports);
  EXPECT_EQ(ports.error().where, "memory.buffers");
  EXPECT_THAT(ports.error().text(), testing::HasSubstr("4608"));
}

}  // namespace
}  // namespace sluice::nic
