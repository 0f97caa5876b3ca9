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
/// 'A'. Writes whole vectors of 32; `readable`, at least `size`, octets may be read: with room
/// after the name it comes in whole vectors too.
inline void lower_name(const std::uint8_t* name, std::size_t size, std::size_t readable,
                       NameBuffer& out) {
  const __m256i before_a = _mm256_set1_epi8('A' - 1);
  const __m256i after_z = _mm256_set1_epi8('Z' + 1);
  const __m256i bit = _mm256_set1_epi8(0x20);
  for (std::size_t at = 0; at < size; at += 32) {
    auto* block = reinterpret_cast<__m256i*>(out.bytes + at);
    const std::uint8_t* from = name + at;
    if (readable < at + 32) [[unlikely]] {
      std::memcpy(block, from, size - at);
      from = out.bytes + at;
    }
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i letter =
        _mm256_and_si256(_mm256_cmpgt_epi8(v, before_a), _mm256_cmpgt_epi8(after_z, v));
    _mm256_store_si256(block, _mm256_or_si256(v, _mm256_and_si256(letter, bit)));
  }
}

/// Whether two names of a size are equal. Both have kNamePadding readable octets after them.
[[nodiscard]] inline bool same_name(const std::uint8_t* a, const std::uint8_t* b,
                                    std::size_t size) {
  for (;; size -= 32, a += 32, b += 32) {
    const __m256i equal =
        _mm256_cmpeq_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
    const std::uint64_t different = static_cast<std::uint32_t>(~_mm256_movemask_epi8(equal));
    if (size <= 32) return (different & ((std::uint64_t{1} << size) - 1)) == 0;
    if (different != 0) return false;
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
