/// How each NIC mode is driven: the one place where a mode's DPDK device, queue count, RSS,
/// offloads, MTU and the software that stands in for what it lacks are decided. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/runtime/result.hpp"

namespace sluice::nic {

enum class PortMode { pci, af_xdp, af_packet, tap, memif, pcap, ring, null };

/// "pci", "af_xdp", ...
[[nodiscard]] std::string_view name_of(PortMode mode);

/// A port as the node's configuration states it (NodePort of node.proto).
struct PortSpec {
  std::string name;
  PortMode mode = PortMode::null;
  std::string device;               ///< interface, PCI address, socket or "IN.pcap,OUT.pcap"
  std::uint16_t queues = 0;         ///< 0: as many as there are workers, or as the mode can
  std::uint16_t queue_size = 2048;  ///< descriptors of each queue
  std::string driver_arguments;     ///< further "key=value,key=value" for the DPDK driver
  std::string xdp = "native";       ///< af_xdp: "native", "generic" or "off"
  std::uint16_t mtu = 1500;         ///< largest IP packet
  bool host = false;                ///< the exception TAP: what it receives came from the host
};

/// What the plan needs to know about the machine.
struct Surroundings {
  unsigned workers = 1;
  unsigned kernel_queues = 1;  ///< receive queues of the kernel interface (af_xdp)
};

/// A DPDK device as EAL names it.
struct DeviceName {
  std::string name;       ///< "net_null0" or the PCI address
  std::string arguments;  ///< after the name, without a leading comma

  [[nodiscard]] std::string text() const {
    return arguments.empty() ? name : name + "," + arguments;
  }
};

/// The DPDK devices of a port: one with all queues, or (af_xdp) one a queue, since that driver
/// takes interfaces without "combined" channels, veth among them, for devices with one queue.
struct DevicePlan {
  std::vector<DeviceName> devices;
  std::uint16_t queues = 1;  ///< of the port

  [[nodiscard]] std::uint16_t queues_each() const {
    return static_cast<std::uint16_t>(queues / devices.size());
  }
};

/// `index` is the port's number in the configuration and makes the name unique.
[[nodiscard]] Result<DevicePlan> plan_device(const PortSpec& spec, unsigned index,
                                             const Surroundings& around);

/// What a driver says of itself; offloads and hash fields are RTE_ETH_RX_OFFLOAD_*,
/// RTE_ETH_TX_OFFLOAD_* and RTE_ETH_RSS_* bits.
struct Capabilities {
  std::uint16_t max_rx_queues = 1;
  std::uint16_t max_tx_queues = 1;
  std::uint16_t min_mtu = 68;
  std::uint16_t max_mtu = 0xffff;
  std::uint64_t rx_offloads = 0;
  std::uint64_t tx_offloads = 0;
  std::uint64_t rss_fields = 0;
  std::uint8_t hash_key_size = 0;  ///< bytes; 0: the driver does not say
};

/// How the queues of a port are set up.
struct QueuePlan {
  std::uint16_t queues = 1;
  std::uint16_t mtu = 1500;
  std::uint64_t rx_offloads = 0;
  std::uint64_t tx_offloads = 0;
  std::uint64_t rss_fields = 0;   ///< 0: no RSS
  bool software_checksum = true;  ///< parse verifies what the NIC does not
  bool software_spread = false;   ///< both directions of a flow may arrive at different queues
};

/// `can` is what each of the devices says. Error: more queues, or a larger or smaller MTU, than the
/// device has.
[[nodiscard]] Result<QueuePlan> plan_queues(const PortSpec& spec, const DevicePlan& device,
                                            const Capabilities& can, unsigned workers);

/// The RSS key that gives both directions of a flow the same hash: 0x6d5a repeated (Woo and Park,
/// "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling"). 52 bytes, the most that
/// any driver takes.
[[nodiscard]] const std::array<std::uint8_t, 52>& symmetric_rss_key();

}  // namespace sluice::nic
