#include "control/model/diff.hpp"

#include <unordered_map>
#include <unordered_set>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "control/model/text_diff.hpp"

namespace sluice::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// Compares two messages of one type and writes a line for each difference.
class Comparer {
 public:
  explicit Comparer(v1::Change& change) : change_(change) {}

  void message(const Message& before, const Message& after, const std::string& path) {
    for (int i = 0; i < before.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *before.GetDescriptor()->field(i);
      field_of(before, after, field, path_to(path, field.name()));
    }
  }

 private:
  void field_of(const Message& before, const Message& after, const FieldDescriptor& field,
                const std::string& path) {
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (field.is_repeated()) {
      is_message ? messages(before, after, field, path) : values(before, after, field, path);
    } else if (is_message) {
      chosen(before, after, field, path);
      message(before.GetReflection()->GetMessage(before, &field),
              after.GetReflection()->GetMessage(after, &field), path);
    } else {
      value(before, after, field, path);
    }
  }

  /// A choice may have nothing in it but that it was made.
  void chosen(const Message& before, const Message& after, const FieldDescriptor& field,
              const std::string& path) {
    if (field.real_containing_oneof() == nullptr) return;
    const bool had = is_set(before, field);
    if (had != is_set(after, field)) add(path + (had ? ": given -> absent" : ": absent -> given"));
  }

  void value(const Message& before, const Message& after, const FieldDescriptor& field,
             const std::string& path) {
    const std::string old_text = text_of(before, field, -1);
    const std::string new_text = text_of(after, field, -1);
    if (old_text == new_text) return;
    if (rules_of(field).secret()) {
      add(path + ": changed");
    } else if (old_text.find('\n') != std::string::npos ||
               new_text.find('\n') != std::string::npos) {
      const std::string prefix = path + ":";
      for (const std::string& line : diff_lines(old_text, new_text)) add(prefix + line);
    } else {
      add(path + ": " + shown(old_text) + " -> " + shown(new_text));
    }
  }

  /// Lists of single values: what left, what came, or only another order.
  void values(const Message& before, const Message& after, const FieldDescriptor& field,
              const std::string& path) {
    const std::vector<std::string> old_list = texts_of(before, field);
    const std::vector<std::string> new_list = texts_of(after, field);
    if (old_list == new_list) return;
    const std::size_t lines = static_cast<std::size_t>(change_.lines_size());
    const std::unordered_multiset<std::string> olds(old_list.begin(), old_list.end());
    const std::unordered_multiset<std::string> news(new_list.begin(), new_list.end());
    for (const std::string& text : old_list) {
      if (news.count(text) == 0) add(path + ": - " + shown(text));
    }
    for (const std::string& text : new_list) {
      if (olds.count(text) == 0) add(path + ": + " + shown(text));
    }
    if (static_cast<std::size_t>(change_.lines_size()) == lines) {
      add(path + ": in another order");
    }
  }

  /// Lists of messages: matched by their name where they have one, by place otherwise.
  void messages(const Message& before, const Message& after, const FieldDescriptor& field,
                const std::string& path) {
    const int old_size = before.GetReflection()->FieldSize(before, &field);
    const int new_size = after.GetReflection()->FieldSize(after, &field);
    std::unordered_map<std::string, int> olds;
    for (int i = 0; i < old_size; ++i) olds.emplace(item_name(before, field, i), i);
    for (int i = 0; i < new_size; ++i) {
      const std::string item_path = path_to(path, static_cast<std::size_t>(i));
      const auto found = olds.find(item_name(after, field, i));
      if (found == olds.end()) {
        add(item_path + ": + " + summary(item(after, field, i)));
        continue;
      }
      message(item(before, field, found->second), item(after, field, i), item_path);
      olds.erase(found);
    }
    for (int i = 0; i < old_size; ++i) {
      const auto left = olds.find(item_name(before, field, i));
      if (left == olds.end() || left->second != i) continue;
      add(path_to(path, static_cast<std::size_t>(i)) + ": - " + summary(item(before, field, i)));
    }
  }

  static const Message& item(const Message& message, const FieldDescriptor& field, int index) {
    return message.GetReflection()->GetRepeatedMessage(message, &field, index);
  }

  static std::string item_name(const Message& message, const FieldDescriptor& field, int index) {
    const Message& one = item(message, field, index);
    const FieldDescriptor* name = one.GetDescriptor()->FindFieldByName("name");
    return name == nullptr ? std::to_string(index) : one.GetReflection()->GetString(one, name);
  }

  /// The values of a message in one line: what an operator recognises it by.
  static std::string summary(const Message& message) {
    std::string out;
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      if (!is_set(message, field) || field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE ||
          rules_of(field).secret()) {
        continue;
      }
      for (const std::string& text : field.is_repeated()
                                         ? texts_of(message, field)
                                         : std::vector{text_of(message, field, -1)}) {
        out += (out.empty() ? "" : " ") + text;
      }
    }
    return out;
  }

  static std::vector<std::string> texts_of(const Message& message, const FieldDescriptor& field) {
    std::vector<std::string> out;
    const int size = message.GetReflection()->FieldSize(message, &field);
    out.reserve(static_cast<std::size_t>(size));
    for (int i = 0; i < size; ++i) {
      out.push_back(text_of(message, field, i));
    }
    return out;
  }

  static std::string text_of(const Message& message, const FieldDescriptor& field, int index) {
    const auto& reflection = *message.GetReflection();
    const bool one = index < 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return one ? reflection.GetString(message, &field)
                   : reflection.GetRepeatedString(message, &field, index);
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.GetBool(message, &field) ? "true" : "false";
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection.GetEnum(message, &field)->name();
      case FieldDescriptor::CPPTYPE_UINT64:
        return std::to_string(one ? reflection.GetUInt64(message, &field)
                                  : reflection.GetRepeatedUInt64(message, &field, index));
      default:
        return std::to_string(one ? reflection.GetUInt32(message, &field)
                                  : reflection.GetRepeatedUInt32(message, &field, index));
    }
  }

  static std::string shown(const std::string& text) { return text.empty() ? "(none)" : text; }

  void add(std::string line) { change_.add_lines(std::move(line)); }

  v1::Change& change_;
};

v1::Change change_of(const v1::Document& document, v1::Change::What what) {
  v1::Change change;
  change.set_kind(kind_of(document));
  change.set_name(document.name());
  change.set_what(what);
  return change;
}

void compare(const v1::Document& before, const v1::Document& after, v1::Change& change) {
  if (before.SerializeAsString() == after.SerializeAsString()) return;
  v1::Document old_copy = before;
  v1::Document new_copy = after;
  fill_defaults(*mutable_spec_of(old_copy));
  fill_defaults(*mutable_spec_of(new_copy));
  Comparer(change).message(*spec_of(old_copy), *spec_of(new_copy), "spec");
}

using Index = std::unordered_map<std::string, const v1::Document*>;

Index index_of(const v1::DesiredState& state) {
  Index index;
  for (const v1::Document& document : state.documents()) index.emplace(key_of(document), &document);
  return index;
}

}  // namespace

std::vector<v1::Change> diff(const v1::DesiredState& before, const v1::DesiredState& after) {
  std::vector<v1::Change> changes;
  const Index olds = index_of(before);
  const Index news = index_of(after);
  for (const v1::Document& document : after.documents()) {
    const auto old = olds.find(key_of(document));
    if (old == olds.end()) {
      changes.push_back(change_of(document, v1::Change::ADDED));
      continue;
    }
    v1::Change change = change_of(document, v1::Change::CHANGED);
    compare(*old->second, document, change);
    if (change.lines_size() != 0) changes.push_back(std::move(change));
  }
  for (const v1::Document& document : before.documents()) {
    if (news.count(key_of(document)) == 0) {
      changes.push_back(change_of(document, v1::Change::REMOVED));
    }
  }
  return changes;
}

std::string text_of(const v1::Change& change) {
  const char* sign = change.what() == v1::Change::ADDED     ? "+ "
                     : change.what() == v1::Change::REMOVED ? "- "
                                                            : "~ ";
  std::string out = sign + change.kind() + "/" + change.name();
  for (const std::string& line : change.lines()) out += "\n    " + line;
  return out;
}

v1::DesiredState merge(const v1::DesiredState& base, const v1::DesiredState& given,
                       bool replace_all) {
  v1::DesiredState out;
  const Index replacements = index_of(given);
  const Index olds = index_of(base);
  for (const v1::Document& document : base.documents()) {
    const auto found = replacements.find(key_of(document));
    if (found != replacements.end()) {
      *out.add_documents() = *found->second;
    } else if (!replace_all) {
      *out.add_documents() = document;
    }
  }
  for (const v1::Document& document : given.documents()) {
    if (olds.count(key_of(document)) == 0) *out.add_documents() = document;
  }
  return out;
}

}  // namespace sluice::model
