#include "dataplane/nic/port_modes.hpp"

#include <bit>

#include <fmt/format.h>
#include <rte_ethdev.h>

namespace sluice::nic {
namespace {

constexpr std::uint64_t kRssFields = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;
constexpr std::uint64_t kRxChecksums =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
constexpr unsigned kTapQueues = 16;  // RTE_PMD_TAP_MAX_QUEUES

/// What distinguishes a mode before its driver is asked.
struct ModeTraits {
  std::string_view name;
  std::string_view driver;
  unsigned max_queues;
  bool symmetric;  ///< RSS with our key decides the queue
  std::string_view device_is;
};

constexpr std::array<ModeTraits, 8> kModes{{
    {"pci", "", 128, true, "a PCI address such as 0000:3b:00.0"},
    {"af_xdp", "net_af_xdp", 64, false, "a kernel interface"},
    {"af_packet", "net_af_packet", 16, false, "a kernel interface"},
    {"tap", "net_tap", kTapQueues, false, "the name of the interface to make"},
    {"memif", "net_memif", 16, false, "a socket, as PATH or @NAME for an abstract one"},
    {"pcap", "net_pcap", 1, false, "IN.pcap, IN.pcap,OUT.pcap or ,OUT.pcap"},
    {"ring", "net_ring", 16, false, ""},
    {"null", "net_null", 16, false, ""},
}};

const ModeTraits& traits_of(PortMode mode) {
  return kModes[static_cast<std::size_t>(mode)];
}

std::string pcap_arguments(const std::string& device) {
  const auto comma = device.find(',');
  const std::string in = device.substr(0, comma);
  const std::string out = comma == std::string::npos ? "" : device.substr(comma + 1);
  std::string text;
  if (!in.empty()) text = "rx_pcap=" + in;
  if (!out.empty()) text += (text.empty() ? "tx_pcap=" : ",tx_pcap=") + out;
  return text;
}

std::string memif_arguments(const PortSpec& spec) {
  const bool abstract = spec.device.starts_with('@');
  // memif takes its ring size as a power of two, at most 2^14.
  const unsigned log2 = std::min(14, std::bit_width(spec.queue_size) - 1);
  return fmt::format("socket={},socket-abstract={},rsize={}",
                     abstract ? spec.device.substr(1) : spec.device, abstract ? "yes" : "no", log2);
}

std::string af_packet_arguments(const PortSpec& spec, unsigned queues) {
  // A frame holds its headers (up to 96 bytes) beside the packet; a block a power of two of them.
  const unsigned frame = std::bit_ceil(spec.mtu + 128U);
  const unsigned block = std::max(4096U, frame);
  const unsigned frames = std::max<unsigned>(spec.queue_size, block / frame);
  return fmt::format("iface={},qpairs={},blocksz={},framesz={},framecnt={},qdisc_bypass=1",
                     spec.device, queues, block, frame, std::bit_floor(frames));
}

std::string arguments_of(const PortSpec& spec, unsigned queues) {
  switch (spec.mode) {
    case PortMode::af_packet:
      return af_packet_arguments(spec, queues);
    case PortMode::tap:
      return "iface=" + spec.device;
    case PortMode::memif:
      return memif_arguments(spec);
    case PortMode::pcap:
      return pcap_arguments(spec.device);
    case PortMode::af_xdp:
    case PortMode::pci:
    case PortMode::ring:
    case PortMode::null:
      return {};
  }
  return {};
}

DeviceName one_device(const PortSpec& spec, unsigned index, unsigned queues) {
  if (spec.mode == PortMode::pci) return {spec.device, ""};
  return {fmt::format("{}{}", traits_of(spec.mode).driver, index), arguments_of(spec, queues)};
}

std::vector<DeviceName> xdp_devices(const PortSpec& spec, unsigned index, unsigned queues) {
  std::vector<DeviceName> devices;
  for (unsigned queue = 0; queue < queues; ++queue)
    devices.push_back({fmt::format("net_af_xdp{}_{}", index, queue),
                       fmt::format("iface={},start_queue={},queue_count=1", spec.device, queue)});
  return devices;
}

}  // namespace

std::string_view name_of(PortMode mode) {
  return traits_of(mode).name;
}

Result<DevicePlan> plan_device(const PortSpec& spec, unsigned index, const Surroundings& around) {
  const ModeTraits& mode = traits_of(spec.mode);
  const std::string where = "port " + spec.name;
  if (spec.device.empty() && !mode.device_is.empty())
    return fail(fmt::format("mode {} needs a device", mode.name), where,
                fmt::format("set device to {}", mode.device_is));
  if (spec.device.find(',') != std::string::npos && spec.mode != PortMode::pcap)
    return fail("a device may not contain a comma", where,
                fmt::format("set device to {}", mode.device_is));
  if (spec.xdp != "native" && spec.xdp != "generic" && spec.xdp != "off")
    return fail(fmt::format("xdp is '{}'", spec.xdp), where, "set it to native, generic or off");
  if (spec.queues > mode.max_queues)
    return fail(fmt::format("{} queues, but mode {} has at most {}", spec.queues, mode.name,
                            mode.max_queues),
                where, "set a smaller number of queues");

  const bool xdp = spec.mode == PortMode::af_xdp;
  if (xdp && spec.queues > around.kernel_queues)
    return fail(
        fmt::format("{} queues, but {} has {}", spec.queues, spec.device, around.kernel_queues),
        where, fmt::format("set queues to {} or less", around.kernel_queues));
  const unsigned natural = xdp ? std::min(around.kernel_queues, around.workers) : around.workers;
  const unsigned wanted = spec.host ? 1 : spec.queues != 0 ? spec.queues : natural;
  DevicePlan plan;
  plan.queues = static_cast<std::uint16_t>(std::clamp(wanted, 1U, mode.max_queues));
  plan.devices = xdp ? xdp_devices(spec, index, plan.queues)
                     : std::vector{one_device(spec, index, plan.queues)};
  if (!spec.driver_arguments.empty())
    for (DeviceName& device : plan.devices)
      device.arguments += (device.arguments.empty() ? "" : ",") + spec.driver_arguments;
  return plan;
}

Result<QueuePlan> plan_queues(const PortSpec& spec, const DevicePlan& device,
                              const Capabilities& can, unsigned workers) {
  const std::string where = "port " + spec.name;
  const unsigned most =
      std::min(can.max_rx_queues, can.max_tx_queues) * static_cast<unsigned>(device.devices.size());
  if (most == 0 || (spec.queues != 0 && device.queues > most))
    return fail(fmt::format("{} queues, but the device has {}", device.queues, most), where,
                "set a smaller number of queues");
  if (spec.mtu < can.min_mtu || spec.mtu > can.max_mtu)
    return fail(fmt::format("MTU {} is outside what the device takes, {} to {}", spec.mtu,
                            can.min_mtu, can.max_mtu),
                where, "set an MTU in this range");

  QueuePlan plan;
  plan.queues = static_cast<std::uint16_t>(std::min<unsigned>(device.queues, most));
  plan.mtu = spec.mtu;
  plan.tx_offloads = can.tx_offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  // All or none: the vector receive path of some drivers is lost with the first checksum offload.
  if (spec.mode == PortMode::pci && (can.rx_offloads & kRxChecksums) == kRxChecksums) {
    plan.rx_offloads = kRxChecksums;
    plan.software_checksum = false;
  }
  const bool symmetric = traits_of(spec.mode).symmetric && (can.rss_fields & kRssFields) != 0;
  if (symmetric && plan.queues > 1) {
    plan.rss_fields = can.rss_fields & kRssFields;
    if ((can.rx_offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0)
      plan.rx_offloads |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
  }
  plan.software_spread = workers > 1 && !(symmetric && plan.queues >= workers);
  return plan;
}

const std::array<std::uint8_t, 52>& symmetric_rss_key() {
  static constexpr auto kKey = [] {
    std::array<std::uint8_t, 52> key{};
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = i % 2 == 0 ? 0x6d : 0x5a;
    return key;
  }();
  return kKey;
}

}  // namespace sluice::nic
