/// The end of the way: what leaves is sent by port, what does not is given back, and the books are
/// kept. A packet counts as sent only when the queue took it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/context.hpp"
#include "dataplane/packet/inbox.hpp"
#include "dataplane/packet/port_queue.hpp"

namespace sluice {

/// How a worker reaches a port.
struct Outlet {
  PortQueue* queue = nullptr;  ///< the worker's own queue; null: it has none
  std::uint16_t through = 0;   ///< without a queue: the worker that sends for it
};

class Transmitter final : public Emitter {
 public:
  /// `outlets` by PortId; `inboxes` by worker, this one's included. All must outlive it.
  Transmitter(std::uint16_t worker, std::vector<Outlet> outlets, std::vector<Inbox*> inboxes,
              PacketPool& pool, Books& books);

  /// Ends a burst in which every packet has its verdict.
  void settle(Burst& burst);

  /// Takes a frame that no burst holds. Its verdict says how it is counted when it leaves: sent or
  /// answered for a packet that was received earlier, none for one of our own.
  void emit(const Packet& packet) override;
  /// Sends what emit took.
  void flush();

 private:
  static constexpr unsigned kEmittedMax = 64;

  /// Counts of one burst, so that the books are written once.
  void send_all(std::span<Packet* const> packets);
  void send_by_port(std::span<Packet* const> packets);
  void send_to(PortId port, std::span<Packet* const> packets);
  void count(std::span<Packet* const> packets);
  void send_through(std::uint16_t worker, std::span<Packet* const> packets);
  void hand_over(Packet& packet);
  void fail(std::span<Packet* const> packets, DropReason reason);
  void release(std::span<Packet* const> packets);

  std::uint16_t worker_;
  std::vector<Outlet> outlets_;
  std::vector<Inbox*> inboxes_;
  PacketPool& pool_;
  Books& books_;
  PortQueue* any_queue_ = nullptr;  ///< buffers may be given back to any
  unsigned emitted_count_ = 0;
  std::array<Packet, kEmittedMax> emitted_;
};

}  // namespace sluice
