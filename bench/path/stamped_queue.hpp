/// A port's queue whose packets carry what a case wants: null and ring ports deliver buffers with
/// whatever was in them, so each received buffer is stamped with the next flow's packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
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

/// Packets of `flows` flows in a random order: a template, and over it the octets in which a flow's
/// frame differs from it, made beforehand and read one after the other. Between them, packets of
/// flows that never were before, which are made when they are due.
class FlowStamp {
 public:
  using Frame = std::vector<std::uint8_t>;

  /// Templates are IPv4 frames with valid checksums; behind kBytesMax bytes they are zeros. Flows
  /// have them in turn. Variations begin at the IPv4 header checksum or behind it.
  static constexpr std::size_t kBytesMax = 128;
  FlowStamp(const std::vector<Frame>& templates, std::uint32_t flows, std::uint32_t fresh_percent,
            std::vector<Variation> variations = {});

  /// Brings the flows into another order. The tables that they meet hand out records in turn: in
  /// the order in which they came first, flows would find theirs beside each other.
  void shuffle();

  /// Writes the next packets, each into a buffer with room for the longest template.
  void write(std::span<Packet> packets);

 private:
  static constexpr std::size_t kPiece = 16;
  static constexpr std::size_t kFirst = 24;  ///< the IPv4 header checksum, its addresses, the ports
  struct alignas(kPiece) Image {
    std::uint8_t bytes[kPiece];
  };
  struct alignas(64) Template {
    std::uint8_t bytes[kBytesMax];
    std::uint16_t length;
  };

  static void put(const Template& base, std::uint8_t* to);
  void put(const Template& base, const Image* image, Packet& p) const;
  void write_known(std::span<Packet> packets);
  void write_next(Packet& p);
  void write_fresh(Packet& p);

  std::vector<Template> templates_;
  std::size_t turn_ = 0;  ///< index of the next packet's template
  std::vector<Variation> variations_;
  std::size_t pieces_;  ///< images of a flow
  std::size_t next_ = 0;
  std::mt19937_64 random_{1};
  std::vector<std::uint32_t> order_;  ///< numbers of the flows
  std::vector<Image> images_;         ///< of the flows in that order
  std::uint32_t fresh_percent_;
  std::uint32_t fresh_due_ = 0;  ///< in hundredths of a packet
  std::uint32_t fresh_number_;   ///< of the next flow that never was
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
