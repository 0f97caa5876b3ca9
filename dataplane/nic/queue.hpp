/// One receive and transmit queue of a DPDK port, and the buffers that packets live in.
#pragma once

#include <cstdint>

#include "dataplane/packet/port_queue.hpp"

struct rte_mempool;

namespace sluice::nic {

/// Buffers of the process for packets that a stage makes. Any thread that is an EalThread may use
/// it.
class Pool final : public PacketPool {
 public:
  explicit Pool(rte_mempool* mempool) : mempool_(mempool) {}
  [[nodiscard]] bool allocate(Packet& packet) override;
  void release(Packet& packet) override;

 private:
  rte_mempool* mempool_;
};

/// Frames as packets. Used by one thread at a time.
class Queue final : public PortQueue {
 public:
  struct Place {
    std::uint16_t device = 0;  ///< DPDK's number of the port
    std::uint16_t queue = 0;
    PortId port = kNoPort;    ///< our number of it
    std::uint16_t flags = 0;  ///< packet_flag that every packet of it has
  };
  Queue(Place place, rte_mempool* mempool) : place_(place), mempool_(mempool) {}

  [[nodiscard]] unsigned receive(std::span<Packet> packets) override;
  [[nodiscard]] unsigned send(std::span<Packet* const> packets) override;
  void release(std::span<Packet* const> packets) override;

  /// Counted here because not every driver counts bytes.
  struct Counts {
    Counter rx_packets;
    Counter rx_bytes;
    Counter tx_packets;
    Counter tx_bytes;
    Counter oversize;  ///< dropped: came in several buffers and does not fit into one
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  Place place_;
  rte_mempool* mempool_;
  Counts counts_;
};

}  // namespace sluice::nic
