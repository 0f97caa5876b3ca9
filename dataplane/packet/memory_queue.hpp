/// A port in plain memory, for replay, tests and benchmarks: frames go in, frames come out.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/packet/port_queue.hpp"

namespace sluice {

/// Gives every packet a heap block of its own, so that a sanitizer sees a step over either end.
class MemoryPool final : public PacketPool {
 public:
  struct Layout {
    std::uint16_t headroom = 128;  ///< bytes before the frame
    std::uint16_t room = 2048;   ///< bytes from its start, at least; a longer frame gets its length
    std::size_t limit = 65'536;  ///< buffers that may be out at once
  };

  MemoryPool() = default;
  explicit MemoryPool(Layout layout) : layout_(layout) {}

  [[nodiscard]] bool allocate(Packet& packet) override { return allocate(packet, 0); }
  void release(Packet& packet) override;

  /// Allocates a packet that holds `frame`. False: the limit is met, or the frame is too long.
  [[nodiscard]] bool load(Packet& packet, std::span<const std::uint8_t> frame);
  /// Buffers that have not been released.
  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }

 private:
  [[nodiscard]] bool allocate(Packet& packet, std::size_t size);

  Layout layout_;
  std::atomic<std::size_t> outstanding_ = 0;
};

/// A queue whose receive side is fed by push() and whose send side is read by take_sent().
class MemoryQueue final : public PortQueue {
 public:
  using Frame = std::vector<std::uint8_t>;

  MemoryQueue(PortId port, MemoryPool& pool) : port_(port), pool_(pool) {}

  /// Queues a frame for receive. `flags` are those that receive may set.
  void push(Frame frame, std::uint16_t flags = 0) {
    arrivals_.push_back({std::move(frame), flags});
  }
  /// What was sent since the last call, in order.
  [[nodiscard]] std::vector<Frame> take_sent() { return std::exchange(sent_, {}); }
  /// Makes send take only so many more frames, as a full ring does.
  void limit_sending(std::size_t frames) { send_limit_ = frames; }

  [[nodiscard]] unsigned receive(std::span<Packet> packets) override;
  [[nodiscard]] unsigned send(std::span<Packet* const> packets) override;
  void release(std::span<Packet* const> packets) override;

 private:
  struct Arrival {
    Frame frame;
    std::uint16_t flags;
  };

  PortId port_;
  MemoryPool& pool_;
  std::deque<Arrival> arrivals_;
  std::vector<Frame> sent_;
  std::size_t send_limit_ = SIZE_MAX;
};

}  // namespace sluice
