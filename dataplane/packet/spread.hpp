/// The software spreader: where a port cannot send both directions of a flow to one worker's queue,
/// the worker that receives a packet hands it to the one that its flow belongs to.
#pragma once

#include <cstdint>

#include "dataplane/packet/context.hpp"

namespace sluice {

/// The worker of a flow, the same for both directions.
[[nodiscard]] inline std::uint16_t worker_of(const FlowKey& key, const HashSeed& seed,
                                             std::uint16_t workers) {
  const std::uint64_t high = symmetric_hash(key, seed) >> 32;  // low bits choose table buckets
  return static_cast<std::uint16_t>((high * workers) >> 32);
}

/// Alive IP packets in `mask` whose flow belongs to another worker than context.worker get
/// Verdict::handed and Packet::handed_to. An ICMP error goes where the packet it is about belongs.
void spread(Context& context, std::uint16_t workers, Burst& burst, std::uint64_t mask);

}  // namespace sluice
