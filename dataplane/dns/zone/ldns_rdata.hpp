/// Types and rdata by ldns, which nothing else of the name server knows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/runtime/result.hpp"

namespace sluice::dns {

/// Type by its mnemonic or as TYPEnnn (RFC 3597 section 5), any case; 0 if it is neither.
[[nodiscard]] std::uint16_t type_from_text(std::string_view text);
/// "AAAA", or "TYPE65280" for those without a name.
[[nodiscard]] std::string text_of_type(std::uint16_t type);

/// Reads rdata of any type from the tokens of a master file. One per thread: it keeps buffers.
class RdataReader {
 public:
  /// `origin` (wire form) completes relative names.
  [[nodiscard]] static Result<RdataReader> create(std::string_view origin);
  RdataReader(RdataReader&&) noexcept;
  RdataReader& operator=(RdataReader&&) noexcept;
  ~RdataReader();

  /// Wire form of the rdata. Error: what is wrong with it.
  [[nodiscard]] Result<std::string> read(std::uint16_t type,
                                         std::span<const std::string_view> tokens);

 private:
  struct State;
  explicit RdataReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::dns
