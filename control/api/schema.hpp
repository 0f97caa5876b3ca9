/// The schema as data, with the comments of its source.
#pragma once

#include <string_view>

namespace sluice {

/// A serialized google.protobuf.FileDescriptorSet of all files of sluice/v1 and what they import,
/// with source information: a comment on a field is its line in the reference.
[[nodiscard]] std::string_view schema_descriptor_set();

}  // namespace sluice
