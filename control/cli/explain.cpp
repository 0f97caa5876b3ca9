// The reference page: the schema's own comments and marks.
#include <iostream>
#include <sstream>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "control/api/schema.hpp"
#include "control/cli/commands.hpp"
#include "control/cli/print.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

/// The schema with its comments, which generated code has not.
const DescriptorPool& schema() {
  static const DescriptorPool* const kPool = [] {
    auto* pool = new DescriptorPool;  // lives as long as the process
    google::protobuf::FileDescriptorSet set;
    const std::string_view bytes = schema_descriptor_set();
    if (set.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      for (const auto& file : set.file()) pool->BuildFile(file);
    }
    return pool;
  }();
  return *kPool;
}

template <class Thing>
std::string comment_of(const Thing& thing) {
  google::protobuf::SourceLocation location;
  if (!thing.GetSourceLocation(&location)) return {};
  const std::string& text =
      location.leading_comments.empty() ? location.trailing_comments : location.leading_comments;
  std::istringstream words(text);
  std::string out;
  for (std::string word; words >> word;) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// What an operator may write besides documents: the settings of the daemons.
std::vector<std::string> topics() {
  std::vector<std::string> names = model::kind_names();
  names.emplace_back("DataplaneConfig");
  names.emplace_back("ControlConfig");
  return names;
}

std::string format_name(const FieldDescriptor& field) {
  switch (model::rules_of(field).format()) {
    case v1::NAME:
      return "name";
    case v1::IP:
      return "IP address";
    case v1::PREFIX:
      return "prefix";
    case v1::INTERFACE_ADDRESS:
      return "address/length";
    case v1::MAC:
      return "Ethernet address";
    case v1::DURATION:
      return "duration";
    case v1::DOMAIN:
      return "domain name";
    case v1::SOCKET:
      return "address:port";
    case v1::PATH:
      return "path";
    case v1::STATUS_RANGE:
      return "status code or range";
    case v1::HEX:
      return "bytes in hexadecimal";
    default:
      return "text";
  }
}

std::string type_name(const FieldDescriptor& field) {
  std::string name;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      name = format_name(field);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      name = "true or false";
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      name = field.enum_type()->name();
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      name = field.message_type()->name();
      break;
    default:
      name = "number";
      break;
  }
  return field.is_repeated() ? "list of " + name : name;
}

std::vector<std::string> values_of(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    const std::string& name = type.value(i)->name();
    if (name.find("_UNSPECIFIED") == std::string::npos) names.push_back(name);
  }
  return names;
}

/// Range, default and the like, in words.
std::string rules_text(const FieldDescriptor& field) {
  const v1::FieldRules& rules = model::rules_of(field);
  std::vector<std::string> parts;
  if (rules.required()) parts.emplace_back("required");
  if (rules.minimum() != 0 || rules.maximum() != 0) {
    parts.push_back(std::to_string(rules.minimum()) + " to " + std::to_string(rules.maximum()));
  }
  if (rules.items_max() != 0) parts.push_back("at most " + std::to_string(rules.items_max()));
  if (!rules.default_value().empty()) parts.push_back("default " + rules.default_value());
  if (!rules.refers_to().empty()) parts.push_back("names a " + rules.refers_to());
  if (field.enum_type() != nullptr) {
    const std::vector<std::string> values = values_of(*field.enum_type());
    parts.push_back(model::one_of(values));
    const bool named = field.enum_type()->FindValueByNumber(0)->name() == values.front();
    if (named) parts.push_back("default " + values.front());
  }
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
  return out;
}

void print_fields(const Descriptor& message) {
  Table table({"FIELD", "TYPE", "RULES", "MEANING"});
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    table.add({field.name(), type_name(field), rules_text(field), comment_of(field)});
  }
  std::cout << table.text();
}

void print_field(const FieldDescriptor& field) {
  std::cout << field.name() << ": " << type_name(field) << '\n';
  for (const std::string& line : {comment_of(field), rules_text(field)}) {
    if (!line.empty()) std::cout << "  " << line << '\n';
  }
  if (field.enum_type() != nullptr) {
    Table table({"VALUE", "MEANING"});
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      const auto& value = *field.enum_type()->value(i);
      if (value.name().find("_UNSPECIFIED") != std::string::npos) continue;
      table.add({value.name(), comment_of(value)});
    }
    std::cout << '\n' << table.text();
  } else if (field.message_type() != nullptr) {
    std::cout << '\n';
    print_fields(*field.message_type());
  }
}

std::string json_of(const FieldDescriptor& field) {
  return "{\"name\": " + model::json_string(field.name()) +
         ", \"type\": " + model::json_string(type_name(field)) +
         ", \"rules\": " + model::json_string(rules_text(field)) +
         ", \"meaning\": " + model::json_string(comment_of(field)) + "}";
}

void print_json_fields(const std::string& path, const std::string& meaning,
                       const Descriptor* message) {
  std::string fields;
  for (int i = 0; message != nullptr && i < message->field_count(); ++i) {
    fields += (fields.empty() ? "\n    " : ",\n    ") + json_of(*message->field(i));
  }
  std::cout << "{\n  \"path\": " << model::json_string(path)
            << ",\n  \"meaning\": " << model::json_string(meaning) << ",\n  \"fields\": [" << fields
            << (fields.empty() ? "]\n}\n" : "\n  ]\n}\n");
}

void print_topics(const Invocation& invocation) {
  Table table({"KIND", "MEANING"});
  std::string json;
  for (const std::string& name : topics()) {
    const std::string meaning = comment_of(*schema().FindMessageTypeByName("sluice.v1." + name));
    table.add({name, meaning});
    json += (json.empty() ? "\n  " : ",\n  ") + std::string("{\"name\": ") +
            model::json_string(name) + ", \"meaning\": " + model::json_string(meaning) + "}";
  }
  std::cout << (invocation.output == Output::json ? "[" + json + "\n]\n" : table.text());
}

std::vector<std::string> field_names(const Descriptor& message) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(message.field_count()));
  for (int i = 0; i < message.field_count(); ++i) names.push_back(message.field(i)->name());
  return names;
}

}  // namespace

Exit explain(const Invocation& invocation) {
  if (invocation.kind.empty()) {
    print_topics(invocation);
    return Exit::done;
  }
  std::istringstream path(invocation.kind);
  std::string word;
  std::getline(path, word, '.');
  const std::string kind = model::kind_by_word(word);
  const std::string topic = kind.empty() ? word : kind;
  const Descriptor* message = schema().FindMessageTypeByName("sluice.v1." + topic);
  if (message == nullptr) {
    const std::string near = model::nearest(topic, topics());
    return wrong_usage(
        "there is no kind " + model::quoted(word) + "; " +
        (near.empty() ? "use " + model::one_of(topics()) : "did you mean " + near + "?"));
  }
  const FieldDescriptor* field = nullptr;
  const std::string topic_comment = comment_of(*message);
  while (std::getline(path, word, '.')) {
    if (field == nullptr && word == "spec") continue;
    field = message == nullptr ? nullptr : message->FindFieldByName(word);
    if (field == nullptr) {
      const std::string near =
          message == nullptr ? std::string() : model::nearest(word, field_names(*message));
      return wrong_usage("there is no field " + model::quoted(word) +
                         (message == nullptr ? std::string()
                          : near.empty()     ? "; use " + model::one_of(field_names(*message))
                                             : "; did you mean " + near + "?"));
    }
    message = field->message_type();
  }
  if (invocation.output == Output::json) {
    print_json_fields(invocation.kind, field == nullptr ? topic_comment : comment_of(*field),
                      message);
  } else if (field != nullptr) {
    print_field(*field);
  } else {
    std::cout << topic << ": " << topic_comment << "\n\n";
    print_fields(*message);
  }
  return Exit::done;
}

}  // namespace sluice::cli
