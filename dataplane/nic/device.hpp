/// A DPDK Ethernet device from probe to close, without what Sluice makes of it.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/nic/port_modes.hpp"

struct rte_mempool;
struct rte_ring;

namespace sluice::nic {

/// A device that is set up and started; stopped and taken away by the destructor.
class Device {
 public:
  /// Makes the device `name` of a port. Error: DPDK's driver refuses.
  [[nodiscard]] static Result<Device> probe(const PortSpec& spec, const DeviceName& name,
                                            std::uint16_t queues);
  Device(Device&& other) noexcept;
  Device& operator=(Device&&) = delete;
  ~Device();

  [[nodiscard]] std::uint16_t id() const { return id_; }
  [[nodiscard]] Capabilities capabilities() const;
  /// `queues` queues set up with buffers of `mempool`, and started.
  [[nodiscard]] Result<void> start(const PortSpec& spec, const QueuePlan& plan,
                                   std::uint16_t queues, rte_mempool* mempool);

 private:
  explicit Device(std::uint16_t id) : id_(id) {}
  static constexpr std::uint16_t kNone = 0xffff;

  std::uint16_t id_ = kNone;
  bool started_ = false;
  std::vector<rte_ring*> rings_;  ///< of mode ring
};

}  // namespace sluice::nic
