#include "control/model/yaml_out.hpp"

#include <cctype>
#include <cmath>
#include <sstream>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"

namespace sluice::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string spaces(std::size_t count) {
  return std::string(count, ' ');
}

/// A double without an exponent where it is a whole number, as counters are.
std::string number_text(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::isfinite(value) && value == std::floor(value) && std::fabs(value) < kExact) {
    return std::to_string(static_cast<std::int64_t>(value));
  }
  if (!std::isfinite(value)) return "null";
  std::ostringstream out;
  out.precision(15);
  out << value;
  return out.str();
}

/// A single value that is no text: equal in YAML and JSON. Texts are left to the caller.
std::string plain_value(const Message& message, const FieldDescriptor& field, int index) {
  const auto& r = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return (one ? r.GetBool(message, &field) : r.GetRepeatedBool(message, &field, index))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(one ? r.GetUInt64(message, &field)
                                : r.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return number_text(one ? r.GetDouble(message, &field)
                             : r.GetRepeatedDouble(message, &field, index));
    default:
      return std::to_string(one ? r.GetUInt32(message, &field)
                                : r.GetRepeatedUInt32(message, &field, index));
  }
}

/// The text of a string or enum field.
std::string text_value(const Message& message, const FieldDescriptor& field, int index) {
  const auto& r = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return (index < 0 ? r.GetEnum(message, &field) : r.GetRepeatedEnum(message, &field, index))
        ->name();
  }
  if (rules_of(field).secret()) return "(hidden)";
  return index < 0 ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, index);
}

/// Whether a field of a state is written: what was set, and every choice of an enum, so that a
/// reader need not know which one is the first.
bool is_written(const Message& message, const FieldDescriptor& field) {
  if (is_set(message, field)) return true;
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM || field.is_repeated()) return false;
  return field.enum_type()->FindValueByNumber(0)->name().find("_UNSPECIFIED") == std::string::npos;
}

bool is_text(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
}

const Message& message_value(const Message& message, const FieldDescriptor& field, int index) {
  const auto& r = *message.GetReflection();
  return index < 0 ? r.GetMessage(message, &field) : r.GetRepeatedMessage(message, &field, index);
}

/// Whether every reader of YAML takes the text for a text without quotes.
bool is_plain(const std::string& text) {
  if (text.empty() || text.back() == ':') return false;
  if (std::isalpha(static_cast<unsigned char>(text[0])) == 0 && text[0] != '/') {
    // An IPv4 address or prefix is no number to anybody.
    if (std::count(text.begin(), text.end(), '.') != 3) return false;
  }
  const bool safe = std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-_./@%+").find(c) != std::string_view::npos;
  });
  if (!safe) return false;
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string_view word :
       {"yes", "no", "on", "off", "y", "n", "true", "false", "null"}) {
    if (lower == word) return false;
  }
  return true;
}

/// Whether a block scalar keeps the text to the byte.
bool fits_block(const std::string& text) {
  if (text.find('\n') == std::string::npos || text[0] == '\n' || text[0] == ' ') return false;
  if (text.size() >= 2 && text.substr(text.size() - 2) == "\n\n") return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte < 0x7f) || c == '\n' || c == '\t';
  });
}

class YamlWriter {
 public:
  std::string take() { return std::move(out_); }

  void text(const std::string& text, std::size_t indent) {
    if (is_plain(text)) {
      out_ += ' ' + text + '\n';
    } else if (fits_block(text)) {
      block(text, indent);
    } else {
      // A JSON string is a double-quoted scalar of YAML 1.2.
      out_ += ' ' + json_string(text) + '\n';
    }
  }

  void fields(const Message& message, std::size_t indent, bool first_inline) {
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      if (!is_written(message, field)) continue;
      out_ += (first_inline ? std::string() : spaces(indent)) + field.name() + ':';
      first_inline = false;
      if (field.is_repeated()) {
        list(message, field, indent);
      } else {
        value(message, field, -1, indent);
      }
    }
  }

  [[nodiscard]] bool empty(const Message& message) const {
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      if (is_written(message, *message.GetDescriptor()->field(i))) return false;
    }
    return true;
  }

  void line(const std::string& text) { out_ += text + '\n'; }
  void raw(const std::string& text) { out_ += text; }

 private:
  void value(const Message& message, const FieldDescriptor& field, int index, std::size_t indent) {
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      if (is_text(field)) return text(text_value(message, field, index), indent);
      out_ += ' ' + plain_value(message, field, index) + '\n';
      return;
    }
    const Message& inner = message_value(message, field, index);
    if (empty(inner)) {
      out_ += " {}\n";
    } else if (index < 0) {
      out_ += '\n';
      fields(inner, indent + 2, false);
    } else {
      out_ += ' ';
      fields(inner, indent + 2, true);
    }
  }

  void list(const Message& message, const FieldDescriptor& field, std::size_t indent) {
    out_ += '\n';
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      out_ += spaces(indent + 2) + '-';
      value(message, field, i, indent + 2);
    }
  }

  void block(const std::string& text, std::size_t indent) {
    out_ += text.back() == '\n' ? " |\n" : " |-\n";
    std::istringstream lines(text);
    for (std::string one; std::getline(lines, one);) {
      out_ += (one.empty() ? std::string() : spaces(indent + 2) + one) + '\n';
    }
  }

  std::string out_;
};

}  // namespace

std::string to_yaml(const v1::Document& document) {
  YamlWriter writer;
  writer.line("kind: " + kind_of(document));
  writer.raw("name:");
  writer.text(document.name(), 0);
  const Message& spec = *spec_of(document);
  writer.line(writer.empty(spec) ? "spec: {}" : "spec:");
  writer.fields(spec, 2, false);
  return writer.take();
}

std::string to_yaml(const v1::DesiredState& state) {
  std::string out;
  for (const v1::Document& document : state.documents()) {
    out += (out.empty() ? "" : "---\n") + to_yaml(document);
  }
  return out;
}

std::string json_string(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string message_to_json(const Message& message, std::size_t indent, Absent absent) {
  const auto value = [&](const FieldDescriptor& field, int index, std::size_t deeper) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return message_to_json(message_value(message, field, index), deeper, absent);
    }
    return is_text(field) ? json_string(text_value(message, field, index))
                          : plain_value(message, field, index);
  };
  std::string out;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const bool has_zero = !field.has_presence() && absent == Absent::shown;
    if (!is_written(message, field) && !has_zero) continue;
    out += (out.empty() ? "\n" : ",\n") + spaces(indent + 2) + json_string(field.name()) + ": ";
    if (!field.is_repeated()) {
      out += value(field, -1, indent + 2);
      continue;
    }
    std::string items;
    for (int j = 0; j < message.GetReflection()->FieldSize(message, &field); ++j) {
      items += (j == 0 ? "\n" : ",\n") + spaces(indent + 4) + value(field, j, indent + 4);
    }
    out += items.empty() ? "[]" : '[' + items + '\n' + spaces(indent + 2) + ']';
  }
  return out.empty() ? "{}" : '{' + out + '\n' + spaces(indent) + '}';
}

std::string to_json(const v1::Document& document, std::size_t indent) {
  const std::string inner = spaces(indent + 2);
  return "{\n" + inner + "\"kind\": " + json_string(kind_of(document)) + ",\n" + inner +
         "\"name\": " + json_string(document.name()) + ",\n" + inner +
         "\"spec\": " + message_to_json(*spec_of(document), indent + 2, Absent::left_out) + '\n' +
         spaces(indent) + '}';
}

std::string to_json(const v1::DesiredState& state) {
  std::string out;
  for (const v1::Document& document : state.documents()) {
    out += (out.empty() ? "\n  " : ",\n  ") + to_json(document, 2);
  }
  return out.empty() ? "[]" : '[' + out + "\n]";
}

}  // namespace sluice::model
