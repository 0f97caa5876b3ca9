// The table of modes: what DPDK is told for each, and what software has to stand in for.
#include "dataplane/nic/port_modes.hpp"

#include <span>

#include <rte_ethdev.h>

namespace sluice::nic {
namespace {

struct Row {
  PortSpec spec;
  Surroundings around;
  std::string device;
  unsigned queues;
};

PortSpec spec(PortMode mode, std::string device = "", std::uint16_t queues = 0) {
  PortSpec out;
  out.name = "p";
  out.mode = mode;
  out.device = std::move(device);
  out.queues = queues;
  return out;
}

PortSpec with_arguments(PortSpec base, std::string arguments) {
  base.driver_arguments = std::move(arguments);
  return base;
}

TEST(PortModes, DeviceOfEachMode) {
  const Surroundings two{2, 2};
  PortSpec off = spec(PortMode::af_xdp, "eth0", 1);
  off.xdp = "off";
  PortSpec host = spec(PortMode::tap, "sluice0");
  host.host = true;
  const std::vector<Row> rows{
      {spec(PortMode::null), two, "net_null3", 2},
      {with_arguments(spec(PortMode::null, "", 1), "size=1500"), two, "net_null3,size=1500", 1},
      {spec(PortMode::ring), two, "net_ring3", 2},
      {spec(PortMode::tap, "tap0", 1), two, "net_tap3,iface=tap0", 1},
      {host, two, "net_tap3,iface=sluice0", 1},
      {spec(PortMode::pci, "0000:3b:00.0"), two, "0000:3b:00.0", 2},
      {spec(PortMode::pcap, "in.pcap,out.pcap"), two, "net_pcap3,rx_pcap=in.pcap,tx_pcap=out.pcap",
       1},
      {spec(PortMode::pcap, "in.pcap"), two, "net_pcap3,rx_pcap=in.pcap", 1},
      {spec(PortMode::pcap, ",out.pcap"), two, "net_pcap3,tx_pcap=out.pcap", 1},
      {with_arguments(spec(PortMode::memif, "/run/m.sock", 1), "role=server"), two,
       "net_memif3,socket=/run/m.sock,socket-abstract=no,rsize=11,role=server", 1},
      {spec(PortMode::memif, "@m"), two, "net_memif3,socket=m,socket-abstract=yes,rsize=11", 2},
      {spec(PortMode::af_packet, "eth0"), two,
       "net_af_packet3,iface=eth0,qpairs=2,blocksz=4096,framesz=2048,framecnt=2048,qdisc_bypass=1",
       2},
      {spec(PortMode::af_xdp, "eth0"), two,
       "net_af_xdp3_0,iface=eth0,start_queue=0,queue_count=1 "
       "net_af_xdp3_1,iface=eth0,start_queue=1,queue_count=1",
       2},
      {off, two, "net_af_xdp3_0,iface=eth0,start_queue=0,queue_count=1", 1},
  };
  for (const Row& row : rows) {
    auto plan = plan_device(row.spec, 3, row.around);
    ASSERT_TRUE(plan) << plan.error().text();
    std::string text;
    for (const DeviceName& device : plan->devices)
      text += (text.empty() ? "" : " ") + device.text();
    EXPECT_EQ(text, row.device);
    EXPECT_EQ(plan->queues, row.queues) << row.device;
  }
}

TEST(PortModes, WrongSpecsSayWhatToDo) {
  PortSpec xdp = spec(PortMode::af_xdp, "eth0");
  xdp.xdp = "fast";
  const std::vector<std::pair<PortSpec, std::string>> rows{
      {spec(PortMode::af_xdp),
       "port p: mode af_xdp needs a device; set device to a kernel interface"},
      {spec(PortMode::af_packet, "eth0,qpairs=9"), "port p: a device may not contain a comma"},
      {spec(PortMode::pcap, "in.pcap", 2), "port p: 2 queues, but mode pcap has at most 1"},
      {spec(PortMode::af_xdp, "eth0", 3), "port p: 3 queues, but eth0 has 1; set queues to 1"},
      {xdp, "port p: xdp is 'fast'; set it to native, generic or off"},
  };
  for (const auto& [bad, text] : rows) {
    auto plan = plan_device(bad, 0, {});
    ASSERT_FALSE(plan) << text;
    EXPECT_THAT(plan.error().text(), testing::StartsWith(text));
  }
}

Capabilities large_nic() {
  Capabilities can;
  can.max_rx_queues = can.max_tx_queues = 64;
  can.max_mtu = 9000;
  can.rx_offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_RSS_HASH;
  can.tx_offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | RTE_ETH_TX_OFFLOAD_TCP_TSO;
  can.rss_fields = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP;
  return can;
}

QueuePlan queues_of(const PortSpec& port, const Capabilities& can, unsigned workers) {
  const auto device = plan_device(port, 0, {workers, 1});
  EXPECT_TRUE(device);
  const auto plan = plan_queues(port, *device, can, workers);
  EXPECT_TRUE(plan) << plan.error().text();
  return plan ? *plan : QueuePlan{};
}

TEST(PortModes, ANicSpreadsAndChecksByItself) {
  const QueuePlan plan = queues_of(spec(PortMode::pci, "0000:3b:00.0"), large_nic(), 4);
  EXPECT_EQ(plan.queues, 4);
  EXPECT_EQ(plan.rss_fields, RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
  EXPECT_EQ(plan.tx_offloads, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
  EXPECT_NE(plan.rx_offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM, 0U);
  EXPECT_FALSE(plan.software_checksum);
  EXPECT_FALSE(plan.software_spread);
}

TEST(PortModes, SoftwareStandsInForWhatANicLacks) {
  Capabilities poor = large_nic();
  poor.rx_offloads = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
  poor.rss_fields = 0;
  QueuePlan plan = queues_of(spec(PortMode::pci, "0000:3b:00.0"), poor, 4);
  EXPECT_EQ(plan.rx_offloads, 0U);
  EXPECT_TRUE(plan.software_checksum);
  EXPECT_TRUE(plan.software_spread);

  Capabilities narrow = large_nic();
  narrow.max_tx_queues = 2;
  plan = queues_of(spec(PortMode::pci, "0000:3b:00.0"), narrow, 4);
  EXPECT_EQ(plan.queues, 2);
  EXPECT_TRUE(plan.software_spread) << "fewer queues than workers";
}

TEST(PortModes, SoftwareModesNeverRelyOnTheDriversHash) {
  for (const PortMode mode : {PortMode::tap, PortMode::null, PortMode::af_packet}) {
    const QueuePlan plan = queues_of(spec(mode, "x"), large_nic(), 2);
    EXPECT_EQ(plan.rss_fields, 0U);
    EXPECT_TRUE(plan.software_checksum);
    EXPECT_TRUE(plan.software_spread);
    EXPECT_FALSE(queues_of(spec(mode, "x"), large_nic(), 1).software_spread);
  }
}

TEST(PortModes, WhatTheDeviceCannotIsRefused) {
  PortSpec port = spec(PortMode::pci, "0000:3b:00.0", 65);
  auto device = plan_device(port, 0, {});
  ASSERT_TRUE(device);
  EXPECT_FALSE(plan_queues(port, *device, large_nic(), 1));
  port = spec(PortMode::pci, "0000:3b:00.0", 1);
  port.mtu = 9001;
  device = plan_device(port, 0, {});
  ASSERT_TRUE(device);
  const auto plan = plan_queues(port, *device, large_nic(), 1);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().text(), testing::HasSubstr("68 to 9000"));
}

/// Toeplitz hash as NICs compute it (Microsoft's RSS specification).
std::uint32_t toeplitz(std::span<const std::uint8_t> input) {
  const auto& key = symmetric_rss_key();
  std::uint32_t result = 0;
  for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
    if ((input[bit / 8] >> (7 - bit % 8) & 1) == 0) continue;
    std::uint32_t window = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t at = bit + i;
      window = window << 1 | (key[at / 8] >> (7 - at % 8) & 1U);
    }
    result ^= window;
  }
  return result;
}

TEST(PortModes, TheRssKeyIsSymmetric) {
  // source, destination, source port, destination port; as the hash takes them
  const std::array<std::uint8_t, 12> there{198, 18, 0, 2, 198, 18, 100, 53, 0x13, 0x88, 0, 53};
  const std::array<std::uint8_t, 12> back{198, 18, 100, 53, 198, 18, 0, 2, 0, 53, 0x13, 0x88};
  const std::array<std::uint8_t, 12> other{198, 18, 0, 3, 198, 18, 100, 53, 0x13, 0x88, 0, 53};
  EXPECT_EQ(toeplitz(there), toeplitz(back));
  EXPECT_NE(toeplitz(there), toeplitz(other));
}

}  // namespace
}  // namespace sluice::nic
