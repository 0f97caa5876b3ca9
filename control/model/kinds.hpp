/// Kinds of documents, as the schema lists them: the oneof `spec` of Document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// "Port", "Route", ... in the order of the schema.
[[nodiscard]] const std::vector<std::string>& kind_names();

/// The field of Document that holds a kind's spec; null if there is no such kind. Exact.
[[nodiscard]] const google::protobuf::FieldDescriptor* field_of_kind(std::string_view kind);

/// The kind an operator means by a word on the command line: any case, '-' or '_' within, singular
/// or plural. Empty if none.
[[nodiscard]] std::string kind_by_word(std::string_view word);

/// "Service"; empty for a document without a spec.
[[nodiscard]] std::string kind_of(const v1::Document& document);

/// The spec's message; null if there is none. Owned by the document.
[[nodiscard]] const google::protobuf::Message* spec_of(const v1::Document& document);
[[nodiscard]] google::protobuf::Message* mutable_spec_of(v1::Document& document);

/// "Service/web": what names a document in messages and paths.
[[nodiscard]] std::string key_of(const v1::Document& document);

/// The document of a kind and name; null if the state has none. Owned by the state.
[[nodiscard]] const v1::Document* find_document(const v1::DesiredState& state,
                                                std::string_view kind, std::string_view name);

}  // namespace sluice::model
