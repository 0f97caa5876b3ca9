/// Hash of a service's address, port and protocol. Its keys come from the configuration alone, so
/// it needs no secret.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/packet/address.hpp"

namespace sluice::balancer {

[[nodiscard]] inline std::size_t listener_hash(const IpAddress& address, std::uint16_t port,
                                               std::uint8_t protocol) {
  std::uint64_t high;
  std::uint64_t low;
  std::memcpy(&high, address.bytes.data(), 8);
  std::memcpy(&low, address.bytes.data() + 8, 8);
  std::uint64_t h = (high * 0x9e3779b97f4a7c15) ^ low ^ (std::uint64_t{port} << 8U | protocol);
  h *= 0xff51afd7ed558ccd;
  return static_cast<std::size_t>(h ^ (h >> 32U));
}

}  // namespace sluice::balancer
