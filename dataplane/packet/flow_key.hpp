/// The five-tuple that names a flow, and its hashes.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include <wmmintrin.h>

#include "dataplane/packet/address.hpp"

namespace sluice {

/// Both ends and the protocol, as the packet carries them. Ports are in host order; for ICMP echo
/// both ports are the identifier, for protocols without ports and later fragments they are 0.
/// Padding is always 0, so that keys compare and hash as five 64-bit words.
struct FlowKey {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t padding[3] = {};

  /// Sets ports and protocol as the eight bytes that the hash reads next: a load that is wider than
  /// the stores before it waits for them.
  void set_transport(std::uint8_t number, std::uint16_t from, std::uint16_t to) {
    const std::uint64_t tail = from | std::uint64_t{to} << 16U | std::uint64_t{number} << 32U;
    std::memcpy(&source_port, &tail, sizeof tail);
  }
  [[nodiscard]] FlowKey reversed() const {
    FlowKey k;
    k.source = destination;
    k.destination = source;
    k.set_transport(protocol, destination_port, source_port);
    return k;
  }
  [[nodiscard]] bool operator==(const FlowKey& other) const {
    return std::memcmp(this, &other, sizeof *this) == 0;
  }
};
static_assert(sizeof(FlowKey) == 40 && std::has_unique_object_representations_v<FlowKey>);

/// Secret of the keyed hashes: drawn at start, equal on all workers of a process.
struct HashSeed {
  std::uint64_t low = 0x9e3779b97f4a7c15;
  std::uint64_t high = 0xc2b2ae3d27d4eb4f;
};

/// Keyed hash of a key by AES rounds (crafted collisions need the seed). About a nanosecond.
[[nodiscard]] inline std::uint64_t hash_of(const FlowKey& key, const HashSeed& seed) {
  const auto load = [](const void* p) {
    __m128i v;
    std::memcpy(&v, p, sizeof v);
    return v;
  };
  std::uint64_t tail;
  std::memcpy(&tail, &key.source_port, sizeof tail);
  const __m128i k =
      _mm_set_epi64x(static_cast<long long>(seed.high), static_cast<long long>(seed.low));
  const __m128i t = _mm_set_epi64x(static_cast<long long>(tail), ~static_cast<long long>(tail));
  __m128i h = _mm_aesenc_si128(_mm_xor_si128(load(&key.source), k), t);
  h = _mm_aesenc_si128(_mm_xor_si128(h, load(&key.destination)), k);
  h = _mm_aesenc_si128(_mm_xor_si128(h, t), k);
  h = _mm_aesenc_si128(h, k);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(h));
}

/// The same value for a key and its reverse: chooses the worker, so that both directions meet.
[[nodiscard]] inline std::uint64_t symmetric_hash(const FlowKey& key, const HashSeed& seed) {
  const int order = std::memcmp(&key.source, &key.destination, sizeof(IpAddress));
  const bool swap = order > 0 || (order == 0 && key.source_port > key.destination_port);
  return hash_of(swap ? key.reversed() : key, seed);
}

}  // namespace sluice
