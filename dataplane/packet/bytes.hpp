/// Reading and writing packet bytes. The one place where the wire is turned into numbers: later
/// stages use offsets that parse has checked, and the loads and stores here.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace sluice {

/// Unchecked big-endian access, for offsets that have been checked.
[[nodiscard]] inline std::uint16_t load_be16(const std::uint8_t* at) {
  std::uint16_t v;
  std::memcpy(&v, at, sizeof v);
  return __builtin_bswap16(v);
}
[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* at) {
  std::uint32_t v;
  std::memcpy(&v, at, sizeof v);
  return __builtin_bswap32(v);
}
inline void store_be16(std::uint8_t* at, std::uint16_t v) {
  v = __builtin_bswap16(v);
  std::memcpy(at, &v, sizeof v);
}
inline void store_be32(std::uint8_t* at, std::uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(at, &v, sizeof v);
}

/// Bounded reader over untrusted bytes: every read past the end fails and leaves the reader failed.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint8_t u8() { return need(1) ? bytes_[at_++] : 0; }
  [[nodiscard]] std::uint16_t u16() {
    if (!need(2)) return 0;
    at_ += 2;
    return load_be16(bytes_.data() + at_ - 2);
  }
  [[nodiscard]] std::uint32_t u32() {
    if (!need(4)) return 0;
    at_ += 4;
    return load_be32(bytes_.data() + at_ - 4);
  }
  /// The next n bytes, or an empty span and a failed reader.
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t n) {
    if (!need(n)) return {};
    at_ += n;
    return bytes_.subspan(at_ - n, n);
  }
  void skip(std::size_t n) {
    if (need(n)) at_ += n;
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t offset() const { return at_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }

 private:
  [[nodiscard]] bool need(std::size_t n) {
    if (ok_ && n <= left()) return true;
    ok_ = false;
    return false;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace sluice
