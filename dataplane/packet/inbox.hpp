/// What other workers send to a worker: rings only, nothing is shared.
#pragma once

#include <cstdint>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/route/neighbours.hpp"
#include "dataplane/runtime/ring.hpp"

namespace sluice {

/// One worker's inbox: a ring for each sender and kind. Workers are numbered from 0.
struct Inbox {
  struct Capacity {
    std::uint32_t packets = 1024;
    std::uint32_t redirects = 1024;
    std::uint32_t neighbours = 256;
  };

  explicit Inbox(std::uint16_t workers, const Capacity& capacity)
      : packets(workers, capacity.packets),
        redirects(workers, capacity.redirects),
        neighbours(workers, capacity.neighbours) {}
  explicit Inbox(std::uint16_t workers) : Inbox(workers, Capacity{}) {}

  /// Packets to decide (verdict none), and decided ones to send by a port of this worker.
  Mailbox<Packet> packets;
  Mailbox<balancer::Redirect> redirects;
  Mailbox<route::NeighbourUpdate> neighbours;
};

}  // namespace sluice
