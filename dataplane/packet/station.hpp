/// Ethernet addresses that are ours, in the form that a frame is compared with.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/packet/address.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice {

/// The Ethernet address of each port as a number, by PortId.
using Stations = std::vector<std::uint64_t>;

/// Of a port that takes every frame.
inline constexpr std::uint64_t kAnyStation = 0;

/// The form in which Stations keeps an address.
[[nodiscard]] inline std::uint64_t station_of(const MacAddress& mac) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, mac.bytes.data(), mac.bytes.size());
  return bytes;
}

[[nodiscard]] inline std::uint64_t station_at(const Stations& stations, PortId port) {
  return port < stations.size() ? stations[port] : kAnyStation;
}

/// The destination of a frame of at least eight bytes, as a number like a station's.
[[nodiscard]] inline std::uint64_t destination_station(const std::uint8_t* frame) {
  std::uint64_t bytes;  // little-endian: the address is in the low six
  std::memcpy(&bytes, frame, sizeof bytes);
  return bytes & 0xffff'ffff'ffff;
}

}  // namespace sluice
