#include "control/model/yaml_reader.hpp"

#include <algorithm>
#include <unordered_map>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"

namespace sluice::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Type = YamlNode::Type;

std::vector<std::string> field_names(const google::protobuf::Descriptor& descriptor) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(descriptor.field_count()));
  for (int i = 0; i < descriptor.field_count(); ++i) names.push_back(descriptor.field(i)->name());
  return names;
}

std::string_view called(const YamlNode& node) {
  switch (node.type) {
    case Type::null:
      return "nothing";
    case Type::scalar:
      return "a single value";
    case Type::sequence:
      return "a list";
    case Type::map:
      break;
  }
  return "a map";
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  return near.empty() ? "use " + one_of(known) : "did you mean " + near + "?";
}

}  // namespace

Place YamlReader::place_of(const YamlNode& node) const {
  return {input_.name, node.line, node.column, node.block ? 1U : 0U};
}

void YamlReader::complain(const YamlNode& node, const std::string& path, std::string what,
                          std::string fix) {
  problems_.add_at(place_of(node), path, std::move(what), std::move(fix));
}

bool YamlReader::check_key(const YamlNode& map, std::size_t index,
                           const std::vector<std::string>& known, const std::string& path) {
  const YamlNode& key = map.items[index];
  if (key.type != Type::scalar) {
    complain(key, {}, "the name of a field must be a word, found " + std::string(called(key)));
    return false;
  }
  for (std::size_t i = 0; i < index; i += 2) {
    if (map.items[i].type != Type::scalar || map.items[i].value != key.value) continue;
    complain(
        key, {},
        quoted(key.value) + " is given twice, first in line " + std::to_string(map.items[i].line),
        "remove one of them");
    return false;
  }
  if (std::find(known.begin(), known.end(), key.value) == known.end()) {
    const bool printable = quoted(key.value) == "'" + key.value + "'";
    complain(key, printable ? path_to(path, key.value) : std::string(),
             "there is no field " + quoted(key.value), suggestion(key.value, known));
    return false;
  }
  return true;
}

bool YamlReader::check_choice(const YamlNode& key, const Message& message, const Field& field,
                              const std::string& path) {
  const auto* choice = field.real_containing_oneof();
  if (choice == nullptr || !message.GetReflection()->HasOneof(message, choice)) return true;
  const Field& first = *message.GetReflection()->GetOneofFieldDescriptor(message, choice);
  complain(key, path, first.name() + " and " + field.name() + " exclude each other",
           "keep one of them");
  return false;
}

void YamlReader::read_message(const YamlNode& node, Message& message, const std::string& path) {
  if (node.type != Type::map) {
    complain(node, path, "expected a map of fields, found " + std::string(called(node)));
    return;
  }
  const auto& descriptor = *message.GetDescriptor();
  const std::vector<std::string> known = field_names(descriptor);
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    if (!check_key(node, i, known, path)) continue;
    const FieldDescriptor& field = *descriptor.FindFieldByName(node.items[i].value);
    const std::string field_path = path_to(path, field.name());
    if (!check_choice(node.items[i], message, field, field_path)) continue;
    // A message or list is called by the line of its name, not of its first item.
    const YamlNode& value = node.items[i + 1];
    places_.set(field_path, place_of(value.type == Type::scalar ? value : node.items[i]));
    read_field(value, message, field, field_path);
  }
  read_files(message, path);
}

void YamlReader::read_field(const YamlNode& node, Message& message, const Field& field,
                            const std::string& path) {
  if (node.type == Type::null) {
    complain(node, path, field.name() + " has no value", "give one, or remove the line");
  } else if (field.is_repeated()) {
    read_list(node, message, field, path);
  } else if (field.cpp_type() == Field::CPPTYPE_MESSAGE) {
    read_message(node, *message.GetReflection()->MutableMessage(&message, &field), path);
  } else {
    read_scalar(node, message, field, path);
  }
}

void YamlReader::read_list(const YamlNode& node, Message& message, const Field& field,
                           const std::string& path) {
  if (node.type != Type::sequence) {
    complain(node, path, "expected a list, found " + std::string(called(node)),
             "write each item on its own line after '- '");
    return;
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const YamlNode& item = node.items[i];
    const std::string item_path = path_to(path, i);
    places_.set(item_path, place_of(item));
    if (item.type == Type::null) {
      complain(item, item_path, "the item has no value", "give one, or remove the line");
    } else if (field.cpp_type() == Field::CPPTYPE_MESSAGE) {
      read_message(item, *message.GetReflection()->AddMessage(&message, &field), item_path);
    } else {
      read_scalar(item, message, field, item_path);
    }
  }
}

void YamlReader::read_files(Message& message, const std::string& path) {
  const auto& descriptor = *message.GetDescriptor();
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& source = *descriptor.field(i);
    const std::string& target_name = rules_of(source).file_into();
    if (target_name.empty() || !is_set(message, source)) continue;
    const FieldDescriptor& target = *descriptor.FindFieldByName(target_name);
    // Text that is given wins: a state that `get` printed is whole without its files.
    if (is_set(message, target)) continue;
    std::string file = reflection.GetString(message, &source);
    if (!file.empty() && file.front() != '/' && !input_.folder.empty()) {
      file.insert(0, input_.folder + "/");
    }
    auto text = read_(file);
    if (!text) {
      problems_.add(path_to(path, source.name()), text.error().what, text.error().fix);
    } else if (!is_utf8(*text)) {
      problems_.add(path_to(path, source.name()), quoted(file) + " is not UTF-8 text",
                    "convert it, as with iconv");
    } else {
      places_.set(path_to(path, target_name), {file, 1, 1, 0});
      reflection.SetString(&message, &target, *std::move(text));
    }
  }
}

const YamlNode* YamlReader::take(const YamlNode& map, std::string_view key) const {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].type == Type::scalar && map.items[i].value == key) return &map.items[i + 1];
  }
  return nullptr;
}

std::string YamlReader::document_name(const YamlNode& node, const std::string& kind,
                                      const std::string& path) {
  const YamlNode* name = take(node, "name");
  if (name == nullptr || name->type != Type::scalar) {
    complain(name == nullptr ? node : *name, path + ": name",
             name == nullptr ? "name is missing" : "expected a name, found a list or map",
             "add a line 'name: NAME'");
    return {};
  }
  // Zones are called by their origin.
  const auto format = kind == "Zone" ? v1::DOMAIN : v1::NAME;
  if (auto complaint = check_format(format, name->value)) {
    complain(*name, path + ": name", complaint->what, complaint->fix);
    return {};
  }
  v1::Document scratch;
  read_text(*name, scratch, *v1::Document::descriptor()->FindFieldByName("name"), path + ": name");
  return scratch.name();
}

void YamlReader::read_document(const YamlNode& node, v1::DesiredState& state, std::size_t ordinal) {
  std::string path = "document " + std::to_string(ordinal);
  if (node.type != Type::map) {
    complain(node, path, "expected kind, name and spec, found " + std::string(called(node)));
    return;
  }
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    (void)check_key(node, i, {"kind", "name", "spec"}, path + ": ");
  }
  const YamlNode* kind = take(node, "kind");
  if (kind == nullptr || kind->type != Type::scalar || field_of_kind(kind->value) == nullptr) {
    if (kind == nullptr) {
      complain(node, path + ": kind", "kind is missing", "add one of " + one_of(kind_names()));
    } else {
      complain(*kind, path + ": kind", "there is no kind " + quoted(kind->value),
               suggestion(kind->value, kind_names()));
    }
    return;
  }
  const std::string name = document_name(node, kind->value, kind->value + " (" + path + ")");
  path = name.empty() ? kind->value + " (" + path + ")" : kind->value + "/" + name;
  if (!name.empty() && find_document(state, kind->value, name) != nullptr) {
    const Place first = places_.find(path);
    complain(
        node, path, "there are two documents of this kind and name",
        "remove or rename one; the other is at " + first.file + ":" + std::to_string(first.line));
    return;
  }
  v1::Document& document = *state.add_documents();
  document.set_name(name);
  places_.set(path, place_of(node));
  Message& spec =
      *v1::Document::GetReflection()->MutableMessage(&document, field_of_kind(kind->value));
  const YamlNode* written = take(node, "spec");
  if (written == nullptr || written->type == Type::null) {
    complain(node, path + ": spec", "spec is missing",
             "add 'spec:' and the fields of a " + kind->value);
    return;
  }
  places_.set(path + ": spec", place_of(*written));
  read_message(*written, spec, path + ": spec");
}

}  // namespace sluice::model
