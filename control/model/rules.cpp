#include "control/model/rules.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace sluice::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool has_range(const v1::FieldRules& rules) {
  return rules.minimum() != 0 || rules.maximum() != 0;
}

std::optional<Complaint> check_value(const Message& message, const FieldDescriptor& field,
                                     int index) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      return check_text(field, index < 0 ? reflection.GetStringReference(message, &field, &scratch)
                                         : reflection.GetRepeatedStringReference(message, &field,
                                                                                 index, &scratch));
    }
    case FieldDescriptor::CPPTYPE_UINT32:
      return check_number(field, index < 0 ? reflection.GetUInt32(message, &field)
                                           : reflection.GetRepeatedUInt32(message, &field, index));
    default:
      return std::nullopt;
  }
}

void check_field(const Message& message, const FieldDescriptor& field, int index,
                 const std::string& path, Problems& problems) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const Reflection& reflection = *message.GetReflection();
    const Message& inner = index < 0 ? reflection.GetMessage(message, &field)
                                     : reflection.GetRepeatedMessage(message, &field, index);
    check_message(inner, path, problems);
  } else if (auto complaint = check_value(message, field, index)) {
    problems.add(path, std::move(complaint->what), std::move(complaint->fix));
  }
}

void check_repeated(const Message& message, const FieldDescriptor& field, const std::string& path,
                    Problems& problems) {
  const int size = message.GetReflection()->FieldSize(message, &field);
  const v1::FieldRules& rules = rules_of(field);
  if (rules.items_max() != 0 && size > static_cast<int>(rules.items_max())) {
    problems.add(path, "the list has " + std::to_string(size) + " items",
                 "give at most " + std::to_string(rules.items_max()));
    return;
  }
  for (int i = 0; i < size; ++i) {
    check_field(message, field, i, path_to(path, static_cast<std::size_t>(i)), problems);
  }
}

void set_default(Message& message, const FieldDescriptor& field, const std::string& value) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    reflection.SetString(&message, &field, value);
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
    reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(std::stoul(value)));
  }
}

}  // namespace

const v1::FieldRules& rules_of(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::field);
}

std::optional<Complaint> check_text(const FieldDescriptor& field, std::string_view text) {
  if (!is_utf8(text)) return Complaint{"the text is not UTF-8", "convert it, as with iconv"};
  return check_format(rules_of(field).format(), text);
}

std::optional<Complaint> check_number(const FieldDescriptor& field, std::int64_t number) {
  const v1::FieldRules& rules = rules_of(field);
  if (!has_range(rules) || (number >= rules.minimum() && number <= rules.maximum())) {
    return std::nullopt;
  }
  return Complaint{
      std::to_string(number) + " is out of range",
      "use " + std::to_string(rules.minimum()) + " to " + std::to_string(rules.maximum())};
}

void check_message(const Message& message, const std::string& path, Problems& problems) {
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor& field = *descriptor->field(i);
    const std::string field_path = path_to(path, field.name());
    if (!is_set(message, field)) {
      if (rules_of(field).required()) {
        problems.add(
            field_path, field.name() + " is missing",
            "add it, see `sluice explain " + descriptor->name() + "." + field.name() + "`");
      }
    } else if (field.is_repeated()) {
      check_repeated(message, field, field_path, problems);
    } else {
      check_field(message, field, -1, field_path, problems);
    }
  }
}

void fill_defaults(Message& message) {
  const auto* descriptor = message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor& field = *descriptor->field(i);
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (is_message && field.is_repeated()) {
      for (int j = 0; j < reflection.FieldSize(message, &field); ++j) {
        fill_defaults(*reflection.MutableRepeatedMessage(&message, &field, j));
      }
    } else if (is_message && (field.containing_oneof() == nullptr || is_set(message, field))) {
      // To fill in another of a oneof would take away the one that is set.
      fill_defaults(*reflection.MutableMessage(&message, &field));
    } else if (!rules_of(field).default_value().empty() && !is_set(message, field)) {
      set_default(message, field, rules_of(field).default_value());
    }
  }
}

bool is_set(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) return reflection.FieldSize(message, &field) != 0;
  return reflection.HasField(message, &field);
}

std::string path_to(const std::string& path, std::string_view field) {
  std::string out = path;
  if (!out.empty() && out.back() != ' ') out += '.';
  return out += field;
}

std::string path_to(const std::string& path, std::size_t index) {
  return path + '[' + std::to_string(index) + ']';
}

}  // namespace sluice::model
