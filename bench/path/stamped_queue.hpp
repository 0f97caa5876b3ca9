/// A port's queue whose packets carry what a case wants: null and ring ports deliver buffers with
/// whatever was in them, so each received buffer is stamped with the next flow's packet.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/port_queue.hpp"

namespace sluice::bench {

/// Packets of `flows` flows made from two templates by changing source address and port, so that
/// generating one costs a copy and two checksums' worth of arithmetic, and no memory of its own.
class FlowStamp {
 public:
  /// Templates are IPv4 frames with valid checksums, at most kBytesMax bytes; up to 131,072 flows.
  static constexpr std::size_t kBytesMax = 128;
  FlowStamp(std::vector<std::uint8_t> even, std::vector<std::uint8_t> odd, std::uint32_t flows);

  /// Writes the next flow's packet and returns its length.
  [[nodiscard]] std::uint16_t write(std::uint8_t* to);

 private:
  struct alignas(64) Template {
    std::uint8_t bytes[kBytesMax];
  };
  Template templates_[2];
  std::uint16_t length_;
  std::uint16_t address_[2], checksum_[2], port_[2];
  std::uint32_t flows_;
  std::uint32_t next_ = 0;
};

class StampedQueue final : public PortQueue {
 public:
  StampedQueue(PortQueue& inner, FlowStamp& stamp) : inner_(inner), stamp_(stamp) {}

  [[nodiscard]] unsigned receive(std::span<Packet> packets) override {
    const unsigned n = inner_.receive(packets);
    for (unsigned i = 0; i < n; ++i) packets[i].length = stamp_.write(packets[i].data);
    received_ += n;
    return n;
  }
  [[nodiscard]] unsigned send(std::span<Packet* const> packets) override {
    const unsigned n = inner_.send(packets);
    sent_ += n;
    return n;
  }
  void release(std::span<Packet* const> packets) override { inner_.release(packets); }

  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  PortQueue& inner_;
  FlowStamp& stamp_;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace sluice::bench
