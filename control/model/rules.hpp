/// The marks on fields (options.proto) at work: checks of values and defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/model/format.hpp"
#include "control/model/problems.hpp"
#include "sluice/v1/options.pb.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace sluice::model {

/// The field's marks; an empty message if it has none. Lives as long as the schema.
[[nodiscard]] const v1::FieldRules& rules_of(const google::protobuf::FieldDescriptor& field);

/// Checks one value against the field's format or range. Nothing if it is right.
[[nodiscard]] std::optional<Complaint> check_text(const google::protobuf::FieldDescriptor& field,
                                                  std::string_view text);
[[nodiscard]] std::optional<Complaint> check_number(const google::protobuf::FieldDescriptor& field,
                                                    std::int64_t number);

/// Checks a whole message: values, required fields, lengths of lists, text in UTF-8. Absent fields
/// that are not required are right. `path` is that of the message, "Service/web: spec".
void check_message(const google::protobuf::Message& message, const std::string& path,
                   Problems& problems);

/// Fills absent fields with their defaults, messages within included.
void fill_defaults(google::protobuf::Message& message);

/// Whether an operator set the field: present, or of a value other than zero.
[[nodiscard]] bool is_set(const google::protobuf::Message& message,
                          const google::protobuf::FieldDescriptor& field);

/// "PATH.field", or "field" where the path is empty; "Port/wan: spec" after "Port/wan: ".
[[nodiscard]] std::string path_to(const std::string& path, std::string_view field);
/// "PATH[3]".
[[nodiscard]] std::string path_to(const std::string& path, std::size_t index);

}  // namespace sluice::model
