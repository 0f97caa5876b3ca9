/// TCP options (RFC 9293 section 3.1), found and rewritten in place.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>

#include "dataplane/packet/packet.hpp"

namespace sluice::balancer {

namespace tcp_option {
inline constexpr std::uint8_t kEnd = 0, kNoOperation = 1, kSegmentSize = 2, kSack = 5,
                              kTimestamps = 8, kMultipath = 30, kFastOpen = 34, kExperiment1 = 253,
                              kExperiment2 = 254;
}

inline constexpr unsigned kTcpSize = 20;      ///< of the header without options
inline constexpr unsigned kTcpSizeMost = 60;  ///< with them
inline constexpr unsigned kTcpChecksum = 16;  ///< offset of the field

/// Calls f(kind, offset of the option, its length) for each option of a whole TCP header but
/// padding, until f says false. Stops where the list is malformed.
template <class F>
void for_each_option(std::span<const std::uint8_t> header, F&& f) {
  for (std::size_t at = kTcpSize; at < header.size() && header[at] != tcp_option::kEnd;) {
    if (header[at] == tcp_option::kNoOperation) {
      ++at;
      continue;
    }
    if (at + 2 > header.size()) return;
    const std::uint8_t length = header[at + 1];
    if (length < 2 || at + length > header.size()) return;
    if (!f(header[at], static_cast<unsigned>(at), unsigned{length})) return;
    at += length;
  }
}

/// The TCP header of a packet (kL4), whose checksum follows when the edit ends (RFC 1624).
class TcpEdit {
 public:
  explicit TcpEdit(Packet& p);
  ~TcpEdit();
  TcpEdit(const TcpEdit&) = delete;
  TcpEdit& operator=(const TcpEdit&) = delete;

  [[nodiscard]] std::span<std::uint8_t> header() { return {tcp_, size_}; }

  /// Puts no-operations over the options of these kinds.
  void blank(std::initializer_list<std::uint8_t> kinds);
  /// Takes `shift` off the edges of SACK blocks (RFC 2018), modulo 2^32.
  void move_sack_down(std::uint32_t shift);

 private:
  std::uint8_t* tcp_;
  unsigned size_;
  std::array<std::uint8_t, kTcpSizeMost> before_;
};

/// The segment size that a SYN announces (RFC 9293 section 3.7.1); 0: it does not say.
[[nodiscard]] std::uint16_t segment_size_of(const Packet& p);

}  // namespace sluice::balancer
