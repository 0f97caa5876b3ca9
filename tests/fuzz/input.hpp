/// Cutting the bytes of the fuzzer into numbers and pieces, and ending at a broken promise.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace sluice::fuzz {

/// Ends the process, which libFuzzer takes for a finding.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Reads from the front; past the end there are zeros and empty pieces.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] std::uint8_t u8() {
    const auto piece = take(1);
    return piece.empty() ? std::uint8_t{0} : piece[0];
  }
  [[nodiscard]] std::uint16_t u16() {
    const unsigned high = u8();
    return static_cast<std::uint16_t>(high << 8U | u8());
  }
  /// At most n bytes.
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t n) {
    const auto piece = rest_.first(std::min(n, rest_.size()));
    rest_ = rest_.subspan(piece.size());
    return piece;
  }
  [[nodiscard]] std::span<const std::uint8_t> rest() { return take(rest_.size()); }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> rest_;
};

[[nodiscard]] inline std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace sluice::fuzz
