/// A tree of YAML into one message. Used by yaml.cpp alone.
#pragma once

#include <string>

#include "control/model/problems.hpp"
#include "control/model/yaml.hpp"
#include "control/model/yaml_tree.hpp"

namespace google::protobuf {
class FieldDescriptor;
}

namespace sluice::model {

class YamlReader {
 public:
  YamlReader(const YamlInput& input, const ReadFile& read, Places& places, Problems& problems)
      : input_(input), read_(read), places_(places), problems_(problems) {}

  /// Reads a map into a message whose fields are called `path`.field.
  void read_message(const YamlNode& node, google::protobuf::Message& message,
                    const std::string& path);
  /// Reads documents of kind, name and spec; `ordinal` counts documents of the input.
  void read_document(const YamlNode& node, v1::DesiredState& state, std::size_t ordinal);

  [[nodiscard]] Place place_of(const YamlNode& node) const;

 private:
  using Field = google::protobuf::FieldDescriptor;

  void read_field(const YamlNode& node, google::protobuf::Message& message, const Field& field,
                  const std::string& path);
  void read_list(const YamlNode& node, google::protobuf::Message& message, const Field& field,
                 const std::string& path);
  void read_scalar(const YamlNode& node, google::protobuf::Message& message, const Field& field,
                   const std::string& path);
  void read_text(const YamlNode& node, google::protobuf::Message& message, const Field& field,
                 const std::string& path);
  void read_number(const YamlNode& node, google::protobuf::Message& message, const Field& field,
                   const std::string& path);
  void read_bool(const YamlNode& node, google::protobuf::Message& message, const Field& field,
                 const std::string& path);
  void read_enum(const YamlNode& node, google::protobuf::Message& message, const Field& field,
                 const std::string& path);
  void read_files(google::protobuf::Message& message, const std::string& path);
  /// The value of a key of a document's outer map; null if it has none.
  const YamlNode* take(const YamlNode& map, std::string_view key) const;
  /// A name as written, or empty with a problem.
  std::string document_name(const YamlNode& node, const std::string& kind, const std::string& path);
  /// Refuses keys that are no scalars, come twice or are not among `known`. True: use the pair.
  bool check_key(const YamlNode& map, std::size_t index, const std::vector<std::string>& known,
                 const std::string& path);
  /// Refuses a second field of those of which a message has one. True: read the field.
  bool check_choice(const YamlNode& key, const google::protobuf::Message& message,
                    const Field& field, const std::string& path);
  void complain(const YamlNode& node, const std::string& path, std::string what,
                std::string fix = {});

  const YamlInput& input_;
  const ReadFile& read_;
  Places& places_;
  Problems& problems_;
};

}  // namespace sluice::model
