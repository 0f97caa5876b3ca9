/// A port's queue whose packets carry what a case wants: null and ring ports deliver buffers with
/// whatever was in them, so each received buffer is stamped with the next flow's packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
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

/// Packets of `flows` flows in random order: a template, and over it the octets in which a flow's
/// frame differs from it, made beforehand and read one after the other.
class FlowStamp {
 public:
  /// The template is an IPv4 frame with valid checksums, at most kBytesMax bytes; up to 131,072
  /// flows. Variations begin at the IPv4 header checksum or behind it.
  static constexpr std::size_t kBytesMax = 128;
  FlowStamp(const std::vector<std::uint8_t>& frame, std::uint32_t flows,
            const std::vector<Variation>& variations = {});

  /// Writes the next packets, each into a buffer with room for kBytesMax bytes.
  void write(std::span<Packet> packets);

 private:
  static constexpr std::size_t kPiece = 16;
  static constexpr std::size_t kFirst = 24;  ///< the IPv4 header checksum, its addresses, the ports
  struct alignas(kPiece) Image {
    std::uint8_t bytes[kPiece];
  };
  struct alignas(64) Template {
    std::uint8_t bytes[kBytesMax];
  };

  void write(std::uint8_t* to, const Image* image) const;

  Template template_;
  std::uint16_t length_;
  std::size_t pieces_;  ///< images of a flow
  std::size_t next_ = 0;
  std::vector<Image> images_;  ///< of all flows, shuffled
};

class StampedQueue final : public PortQueue {
 public:
  StampedQueue(PortQueue& inner, FlowStamp& stamp) : inner_(inner), stamp_(stamp) {}

  [[nodiscard]] unsigned receive(std::span<Packet> packets) override {
    const unsigned n = inner_.receive(packets);
    stamp_.write(packets.first(n));
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
