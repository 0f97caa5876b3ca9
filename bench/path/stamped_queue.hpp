/// A port's queue whose packets carry what a case wants: null and ring ports deliver buffers with
/// whatever was in them, so each received buffer is stamped with the next flow's packet.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/port_queue.hpp"

namespace sluice::bench {

/// Two 16-bit words that change together, so that a checksum over both stays as it is: one grows by
/// an amount that the flow chooses, the other shrinks by it.
struct Variation {
  std::uint16_t grows, shrinks;  ///< offsets in the frame
  bool in_ip_header;             ///< the growing word is covered by the IPv4 header checksum
  std::vector<std::uint16_t> amounts;
};

/// Packets of `flows` flows in random order, made from two templates by changing source address and
/// port and what the variations name, so that generating one costs a copy and some arithmetic, and
/// little memory of its own.
class FlowStamp {
 public:
  /// Templates are IPv4 frames with valid checksums, at most kBytesMax bytes; up to 131,072 flows.
  static constexpr std::size_t kBytesMax = 128;
  FlowStamp(std::vector<std::uint8_t> even, std::vector<std::uint8_t> odd, std::uint32_t flows,
            std::vector<Variation> variations = {});

  /// Writes a packet of some flow and returns its length.
  [[nodiscard]] std::uint16_t write(std::uint8_t* to);

 private:
  struct alignas(64) Template {
    std::uint8_t bytes[kBytesMax];
  };
  [[nodiscard]] std::uint32_t pick();

  Template templates_[2];
  std::uint16_t length_;
  std::uint16_t address_[2], checksum_[2], port_[2];
  std::uint32_t flows_;
  std::vector<Variation> variations_;
  std::uint64_t random_ = 1;
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
