/// Lowering and hashing of query names. Names lie in buffers with kNamePadding readable octets
/// after them, so that both work in whole vectors.
#pragma once

#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "dataplane/packet/flow_key.hpp"

namespace sluice::dns {

inline constexpr std::size_t kNamePadding = 32;

/// A lowered name and room to read past it.
struct NameBuffer {
  alignas(32) std::uint8_t bytes[256 + kNamePadding];
};

/// Copies `size` octets of a wire name, ASCII letters lowered (RFC 4343). Length octets are below
/// 'A'. Writes whole vectors of 32; reads no octet beyond `size`.
inline void lower_name(const std::uint8_t* name, std::size_t size, NameBuffer& out) {
  std::memcpy(out.bytes, name, size);
  const __m256i before_a = _mm256_set1_epi8('A' - 1);
  const __m256i after_z = _mm256_set1_epi8('Z' + 1);
  const __m256i bit = _mm256_set1_epi8(0x20);
  for (std::size_t at = 0; at < size; at += 32) {
    auto* block = reinterpret_cast<__m256i*>(out.bytes + at);
    const __m256i v = _mm256_load_si256(block);
    const __m256i letter =
        _mm256_and_si256(_mm256_cmpgt_epi8(v, before_a), _mm256_cmpgt_epi8(after_z, v));
    _mm256_store_si256(block, _mm256_or_si256(v, _mm256_and_si256(letter, bit)));
  }
}

/// Keyed hash of a lowered name by AES rounds: whoever does not know the seed cannot choose names
/// that collide. `name` has kNamePadding readable octets after it.
[[nodiscard]] inline std::uint64_t hash_name(const std::uint8_t* name, std::size_t size,
                                             const HashSeed& seed) {
  alignas(32) static constexpr std::uint8_t kMask[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                         0xff, 0xff, 0xff, 0xff};
  const auto load = [](const std::uint8_t* at) {
    __m128i v;
    std::memcpy(&v, at, sizeof v);
    return v;
  };
  const __m128i key =
      _mm_set_epi64x(static_cast<long long>(seed.high), static_cast<long long>(seed.low));
  __m128i h = _mm_xor_si128(key, _mm_set1_epi64x(static_cast<long long>(size)));
  for (; size > 16; size -= 16, name += 16) {
    h = _mm_aesenc_si128(_mm_xor_si128(h, load(name)), key);
    h = _mm_aesenc_si128(h, key);
  }
  const __m128i tail = _mm_and_si128(load(name), load(kMask + 16 - size));
  h = _mm_aesenc_si128(_mm_xor_si128(h, tail), key);
  h = _mm_aesenc_si128(h, key);
  h = _mm_aesenc_si128(h, key);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(h));
}

}  // namespace sluice::dns
