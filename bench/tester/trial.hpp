/// One trial of RFC 2544: so many frames of a size at a rate, and how many came back.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/port_queue.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::tester {

struct Trial {
  unsigned size = 64;  ///< bytes of a frame with its FCS, as RFC 2544 counts
  double rate = 0;     ///< frames a second; 0: as fast as can be
  double seconds = 1;
};

[[nodiscard]] inline bool valid(const Trial& trial) {
  return trial.size >= 64 && trial.size <= 1518 && trial.rate >= 0 && trial.seconds > 0;
}

struct TrialResult {
  unsigned size = 0;
  std::uint64_t offered = 0;   ///< frames that the port took
  std::uint64_t received = 0;  ///< of this trial
  double seconds = 0;          ///< from the first frame to the last
  std::uint64_t refused = 0;   ///< times that the port's transmit queue was full
};

/// What all frames have in common.
struct FrameFields {
  MacAddress from_mac, to_mac;
  IpAddress source, destination;
  std::uint32_t flows = 1;
};

class Tester {
 public:
  /// Everything must outlive it. One thread's.
  Tester(PortQueue& tx, PortQueue& rx, PacketPool& pool, Clock& clock, const FrameFields& fields);

  [[nodiscard]] TrialResult run(const Trial& trial);

 private:
  void make_template(unsigned size);
  void write(Packet& packet, std::uint64_t number) const;
  [[nodiscard]] unsigned offer(std::uint64_t first, unsigned count);
  void listen();
  [[nodiscard]] bool is_ours(const Packet& packet) const;

  PortQueue& tx_;
  PortQueue& rx_;
  PacketPool& pool_;
  Clock& clock_;
  FrameFields fields_;
  std::vector<std::uint8_t> template_;
  std::uint32_t trial_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace sluice::tester
