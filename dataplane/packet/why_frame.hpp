/// The frame of a packet that an operator only describes.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/address.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice {

/// A packet by its flow. For ICMP it is an echo request, whose identifier is the source port.
struct DescribedPacket {
  FlowKey key;  ///< both addresses of one family
  std::uint8_t tcp_flags = tcp_flag::kSyn;
  std::vector<std::uint8_t> payload;  ///< of UDP and of protocols whose header is not known here
};

/// Ethernet frame to a station of ours, with right lengths and checksums.
[[nodiscard]] std::vector<std::uint8_t> frame_of(const DescribedPacket& packet,
                                                 const MacAddress& station);

}  // namespace sluice
