/// States as text: YAML that reads back as the same state, and JSON whose shape does not change.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// "kind: ...\nname: ...\nspec: ...\n"; fields in the order of the schema, absent ones left out,
/// secrets hidden.
[[nodiscard]] std::string to_yaml(const v1::Document& document);

/// {"kind": ..., "name": ..., "spec": {...}}, indented by `indent` more spaces after its first
/// line. Field names as in the schema, enum values by name, numbers as numbers.
[[nodiscard]] std::string to_json(const v1::Document& document, std::size_t indent = 0);

/// A list of documents: YAML separated by "---", or a JSON array.
[[nodiscard]] std::string to_yaml(const v1::DesiredState& state);
[[nodiscard]] std::string to_json(const v1::DesiredState& state);

/// The text as a JSON string with its quotes (RFC 8259 section 7).
[[nodiscard]] std::string json_string(std::string_view text);

/// What is written for a field that is zero, false, empty or absent.
enum class Absent : std::uint8_t {
  left_out,  ///< nothing: a state shows what was written
  shown,     ///< its value, [] for a list: an answer has the same fields every time
};

/// Any message as JSON; messages within that are absent are left out in any case.
[[nodiscard]] std::string message_to_json(const google::protobuf::Message& message,
                                          std::size_t indent, Absent absent);

}  // namespace sluice::model
