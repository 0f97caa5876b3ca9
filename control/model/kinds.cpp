#include "control/model/kinds.hpp"

#include <algorithm>
#include <cctype>

namespace sluice::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

const OneofDescriptor* spec_oneof() {
  static const OneofDescriptor* const kOneof = v1::Document::descriptor()->FindOneofByName("spec");
  return kOneof;
}

const FieldDescriptor* spec_field(const v1::Document& document) {
  return v1::Document::GetReflection()->GetOneofFieldDescriptor(document, spec_oneof());
}

/// Lower case without '-' and '_'.
std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c != '-' && c != '_') {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

}  // namespace

const std::vector<std::string>& kind_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(spec_oneof()->field_count()));
    for (int i = 0; i < spec_oneof()->field_count(); ++i) {
      names.push_back(spec_oneof()->field(i)->message_type()->name());
    }
    return names;
  }();
  return kNames;
}

const FieldDescriptor* field_of_kind(std::string_view kind) {
  for (int i = 0; i < spec_oneof()->field_count(); ++i) {
    const FieldDescriptor* field = spec_oneof()->field(i);
    if (field->message_type()->name() == kind) return field;
  }
  return nullptr;
}

std::string kind_by_word(std::string_view word) {
  const std::string wanted = folded(word);
  for (const std::string& kind : kind_names()) {
    const std::string name = folded(kind);
    if (wanted == name || wanted == name + "s" || wanted == name + "es") return kind;
  }
  return {};
}

std::string kind_of(const v1::Document& document) {
  const FieldDescriptor* field = spec_field(document);
  return field == nullptr ? std::string() : field->message_type()->name();
}

const google::protobuf::Message* spec_of(const v1::Document& document) {
  const FieldDescriptor* field = spec_field(document);
  if (field == nullptr) return nullptr;
  return &v1::Document::GetReflection()->GetMessage(document, field);
}

google::protobuf::Message* mutable_spec_of(v1::Document& document) {
  const FieldDescriptor* field = spec_field(document);
  if (field == nullptr) return nullptr;
  return v1::Document::GetReflection()->MutableMessage(&document, field);
}

std::string key_of(const v1::Document& document) {
  return kind_of(document) + "/" + document.name();
}

const v1::Document* find_document(const v1::DesiredState& state, std::string_view kind,
                                  std::string_view name) {
  const auto found =
      std::find_if(state.documents().begin(), state.documents().end(),
                   [&](const v1::Document& d) { return d.name() == name && kind_of(d) == kind; });
  return found == state.documents().end() ? nullptr : &*found;
}

}  // namespace sluice::model
