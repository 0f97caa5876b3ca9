/// The ports of the node, opened: queues for the workers, statistics and link state for the control
/// thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/nic/port_modes.hpp"
#include "dataplane/nic/queue.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::nic {

struct OpenOptions {
  unsigned workers = 1;
  unsigned buffers = 32768;  ///< packet buffers for all ports together
};

/// What a port has counted since it was opened.
struct PortStatistics {
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_missed = 0;     ///< the queue was full
  std::uint64_t rx_no_buffer = 0;  ///< the pool was empty
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t rx_oversize = 0;  ///< larger than a buffer
  /// Packets that the XDP program dropped for their source: received, and dropped as early_list.
  std::uint64_t early_drops = 0;
};

struct Link {
  bool up = false;
  std::uint32_t megabits = 0;  ///< 0: not known
};

/// All ports, in the order of their specs: PortId is the index. Closed by the destructor, after the
/// workers have ended; only then are capture files complete.
class Ports {
 public:
  ~Ports();
  Ports(const Ports&) = delete;
  Ports& operator=(const Ports&) = delete;

  [[nodiscard]] PortId count() const;
  [[nodiscard]] const std::string& name(PortId port) const;
  [[nodiscard]] MacAddress mac(PortId port) const;
  /// Queues 0..queues(port)-1; each for one worker's thread only.
  [[nodiscard]] unsigned queues(PortId port) const;
  [[nodiscard]] PortQueue& queue(PortId port, unsigned index);
  /// What was decided for the port; see software_checksum and software_spread.
  [[nodiscard]] const QueuePlan& plan(PortId port) const;
  /// Buffers for packets that stages make; may be used by all workers.
  [[nodiscard]] PacketPool& pool();

  [[nodiscard]] PortStatistics statistics(PortId port) const;
  /// Last known state; any thread.
  [[nodiscard]] bool link_up(PortId port) const;
  [[nodiscard]] Link link(PortId port) const;
  /// Asks the devices for their link state, and logs what changed. Control thread, about once a
  /// second.
  void poll_link();
  /// Error: outside what the device takes, or not while it runs.
  [[nodiscard]] Result<void> set_mtu(PortId port, std::uint16_t mtu);
  /// Makes `sources` the list that the XDP programs of all af_xdp ports drop by; the same thread as
  /// statistics. Error: too many; the list of that port stays as it was, and the others have
  /// theirs.
  [[nodiscard]] Result<void> set_early_drop(std::span<const Prefix> sources);

 private:
  friend Result<std::unique_ptr<Ports>> open_ports(std::span<const PortSpec>, const OpenOptions&);
  struct Port;
  Ports();
  [[nodiscard]] Result<void> open(std::span<const PortSpec> specs, const OpenOptions& options);

  rte_mempool* mempool_ = nullptr;
  std::unique_ptr<Pool> pool_;
  std::vector<std::unique_ptr<Port>> ports_;
};

/// Opens and starts all ports, or none. Eal must be up.
[[nodiscard]] Result<std::unique_ptr<Ports>> open_ports(std::span<const PortSpec> specs,
                                                        const OpenOptions& options);

}  // namespace sluice::nic
