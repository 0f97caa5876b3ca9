// Single values of YAML, and the traps among them: what is plain text to one reader of YAML is a
// truth value or an octal number to another, so that it is refused without quotes.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "control/model/format.hpp"
#include "control/model/rules.hpp"
#include "control/model/yaml_reader.hpp"

namespace sluice::model {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Words that YAML 1.1 takes for true or false.
bool is_truth_word(std::string_view text) {
  constexpr std::array<std::string_view, 8> kWords{"yes", "no", "on",   "off",
                                                   "y",   "n",  "true", "false"};
  const std::string word = lower(text);
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
}

/// 010, 0x10, 0o10, 0b1: numbers that readers take differently.
bool is_odd_number(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.size() < 2 || text[0] != '0') return false;
  const char mark = text[1];
  return all_digits(text) || mark == 'x' || mark == 'X' || mark == 'o' || mark == 'b';
}

std::vector<std::string> value_names(const EnumDescriptor& descriptor) {
  constexpr std::string_view kUnspecified = "_UNSPECIFIED";
  std::vector<std::string> names;
  for (int i = 0; i < descriptor.value_count(); ++i) {
    const std::string& name = descriptor.value(i)->name();
    const bool unspecified = name.size() > kUnspecified.size() &&
                             name.substr(name.size() - kUnspecified.size()) == kUnspecified;
    if (!unspecified) names.push_back(name);
  }
  return names;
}

void set_integer(Message& message, const FieldDescriptor& field, std::int64_t value) {
  const auto& reflection = *message.GetReflection();
  const auto narrow = static_cast<std::uint32_t>(value);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
    if (field.is_repeated()) {
      reflection.AddUInt32(&message, &field, narrow);
    } else {
      reflection.SetUInt32(&message, &field, narrow);
    }
  } else if (field.is_repeated()) {
    reflection.AddUInt64(&message, &field, static_cast<std::uint64_t>(value));
  } else {
    reflection.SetUInt64(&message, &field, static_cast<std::uint64_t>(value));
  }
}

}  // namespace

void YamlReader::read_scalar(const YamlNode& node, Message& message, const Field& field,
                             const std::string& path) {
  if (node.type != YamlNode::Type::scalar) {
    complain(node, path, "expected a single value, found a list or map");
    return;
  }
  switch (field.cpp_type()) {
    case Field::CPPTYPE_STRING:
      return read_text(node, message, field, path);
    case Field::CPPTYPE_BOOL:
      return read_bool(node, message, field, path);
    case Field::CPPTYPE_ENUM:
      return read_enum(node, message, field, path);
    default:
      return read_number(node, message, field, path);
  }
}

void YamlReader::read_text(const YamlNode& node, Message& message, const Field& field,
                           const std::string& path) {
  if (node.plain && is_truth_word(node.value)) {
    complain(node, path, quoted(node.value) + " without quotes means true or false to some readers",
             "write \"" + node.value + "\"");
    return;
  }
  if (node.plain && is_odd_number(node.value)) {
    complain(node, path,
             quoted(node.value) + " without quotes means another number to some readers",
             "write \"" + node.value + "\"");
    return;
  }
  // An empty text is as good as an absent one everywhere else, but not where it is written.
  auto complaint = check_text(field, node.value);
  if (complaint) return complain(node, path, complaint->what, complaint->fix);
  const auto& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddString(&message, &field, node.value);
  } else {
    reflection.SetString(&message, &field, node.value);
  }
}

void YamlReader::read_number(const YamlNode& node, Message& message, const Field& field,
                             const std::string& path) {
  const std::string& text = node.value;
  if (node.plain && is_odd_number(text)) {
    return complain(node, path, quoted(text) + " means different numbers to different readers",
                    "write it in decimal, without a leading zero");
  }
  const bool negative = !text.empty() && text[0] == '-';
  if (!node.plain || !all_digits(std::string_view(text).substr(negative ? 1 : 0))) {
    return complain(node, path, "expected a whole number, found " + quoted(text),
                    node.plain ? "write digits only" : "write digits only, without quotes");
  }
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto largest = field.cpp_type() == Field::CPPTYPE_UINT32
                           ? std::int64_t{std::numeric_limits<std::uint32_t>::max()}
                           : std::numeric_limits<std::int64_t>::max();
  const bool fits = result.ec == std::errc{} && value >= 0 && value <= largest;
  auto complaint = check_number(field, fits ? value : largest);
  if (!fits) {
    const std::string range = complaint ? complaint->fix : "use 0 to " + std::to_string(largest);
    return complain(node, path, quoted(text) + " is out of range", range);
  }
  if (complaint) return complain(node, path, complaint->what, complaint->fix);
  set_integer(message, field, value);
}

void YamlReader::read_bool(const YamlNode& node, Message& message, const Field& field,
                           const std::string& path) {
  const std::string word = lower(node.value);
  if (!node.plain || (word != "true" && word != "false")) {
    return complain(node, path, "expected true or false, found " + quoted(node.value),
                    "write true or false, without quotes");
  }
  message.GetReflection()->SetBool(&message, &field, word == "true");
}

void YamlReader::read_enum(const YamlNode& node, Message& message, const Field& field,
                           const std::string& path) {
  std::string name = node.value;
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  const std::vector<std::string> names = value_names(*field.enum_type());
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    const std::string near = nearest(name, names);
    return complain(node, path, quoted(node.value) + " is not a value of " + field.name(),
                    near.empty() ? "use " + one_of(names) : "did you mean " + near + "?");
  }
  message.GetReflection()->SetEnum(&message, &field, field.enum_type()->FindValueByName(name));
}

}  // namespace sluice::model
