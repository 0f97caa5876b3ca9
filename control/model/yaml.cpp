#include "control/model/yaml.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include <google/protobuf/message.h>
#include <sys/stat.h>

#include "control/model/format.hpp"
#include "control/model/rules.hpp"
#include "control/model/yaml_reader.hpp"
#include "control/model/yaml_tree.hpp"

namespace sluice::model {
namespace {

constexpr std::size_t kFileMax = 64UL << 20;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::string> too_long(const std::string& name) {
  return fail(name + " is longer than 64 MiB", {}, "split it into several files");
}

Result<std::string> read_stream(std::istream& stream, const std::string& name) {
  std::string text;
  std::array<char, 65'536> buffer{};
  while (stream.read(buffer.data(), buffer.size()), stream.gcount() > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(stream.gcount()));
    if (text.size() > kFileMax) return too_long(name);
  }
  return text;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const auto cannot = [&](int error) {
    return fail("cannot read " + quoted(path) + ": " + std::strerror(error), {},
                "check the path and its permissions");
  };
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return cannot(errno);
  if (!S_ISREG(info.st_mode)) {
    return fail(quoted(path) + " is not a regular file", {}, "give the path of a file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return cannot(errno);
  return read_stream(file, quoted(path));
}

Result<YamlInput> open_yaml(const std::string& path) {
  if (path != "-") {
    auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    return YamlInput{path, folder_of(path), *std::move(text)};
  }
  auto text = read_stream(std::cin, "the standard input");
  if (!text) return tl::unexpected(text.error());
  return YamlInput{"<stdin>", {}, *std::move(text)};
}

LoadedState load_state(const std::vector<YamlInput>& inputs, const ReadFile& read) {
  LoadedState loaded;
  for (const YamlInput& input : inputs) {
    YamlReader reader(input, read, loaded.places, loaded.problems);
    std::size_t ordinal = 0;
    for (const YamlNode& document : parse_yaml(input.text, input.name, loaded.problems)) {
      if (document.type != YamlNode::Type::sequence) {
        reader.read_document(document, loaded.state, ++ordinal);
        continue;
      }
      for (const YamlNode& item : document.items) {
        reader.read_document(item, loaded.state, ++ordinal);
      }
    }
  }
  loaded.problems.locate(loaded.places);
  return loaded;
}

Problems load_config(const YamlInput& input, google::protobuf::Message& config, Places* where) {
  Problems problems;
  Places places;
  const auto documents = parse_yaml(input.text, input.name, problems);
  if (documents.size() != 1 && problems.empty()) {
    problems.add_at({input.name}, {},
                    "expected one document of settings, found " + std::to_string(documents.size()));
  }
  if (documents.size() == 1) {
    places.set("", {input.name, 1, 1});
    const ReadFile read = read_file;
    YamlReader(input, read, places, problems).read_message(documents[0], config, "");
    check_message(config, "", problems);
  }
  fill_defaults(config);
  problems.locate(places);
  if (where != nullptr) *where = std::move(places);
  return problems;
}

}  // namespace sluice::model
