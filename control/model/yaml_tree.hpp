/// YAML as a plain tree with positions. Anchors and aliases are refused while reading, so a tree is
/// never larger than its text; depth and size are bounded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/problems.hpp"

namespace sluice::model {

struct YamlNode {
  enum class Type : std::uint8_t { null, scalar, sequence, map };
  Type type = Type::null;
  bool plain = false;           ///< a scalar without quotes or block sign
  bool block = false;           ///< a scalar after '|': its text begins on the next line
  std::uint32_t line = 0;       ///< from 1
  std::uint32_t column = 0;     ///< from 1
  std::string value;            ///< of a scalar
  std::vector<YamlNode> items;  ///< of a sequence; of a map: key, value, key, value, ...
};

inline constexpr std::size_t kYamlNodesMax = 20'000'000;
inline constexpr std::size_t kYamlDepthMax = 64;

/// One tree a document; empty documents are left out. What cannot be read is a problem about
/// `file`; the documents before it are still returned.
[[nodiscard]] std::vector<YamlNode> parse_yaml(const std::string& text, const std::string& file,
                                               Problems& problems);

}  // namespace sluice::model
