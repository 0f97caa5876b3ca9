/// YAML into messages, by the schema's reflection. Every mistake is found, with its file, line and
/// column; nothing is guessed: unknown fields, duplicate keys, text where a number belongs and
/// values that YAML readers take differently (no, 010, 0x10) are refused.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/model/problems.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// One text to read, and how messages call it.
struct YamlInput {
  std::string name;    ///< "lab.yaml", or "<stdin>"
  std::string folder;  ///< that paths within are relative to; empty: the working folder
  std::string text;
};

/// Reads a file whole; passed in, so that a test needs no disk.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

/// Reads a regular file of at most 64 MiB.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// Reads the file at `path`; "-" is the standard input.
[[nodiscard]] Result<YamlInput> open_yaml(const std::string& path);

struct LoadedState {
  v1::DesiredState state;  ///< what could be read
  Places places;
  Problems problems;  ///< located
};

/// Documents of `kind`, `name`, `spec`, from all inputs; several in a file are separated by "---"
/// or are items of one list. Fields marked file_into are filled from their files.
[[nodiscard]] LoadedState load_state(const std::vector<YamlInput>& inputs,
                                     const ReadFile& read = read_file);

/// One document that is the message itself: the configuration file of a daemon. Values are checked
/// and defaults filled in. `where`, if given, takes the places of the fields, for checks of what
/// does not fit together.
[[nodiscard]] Problems load_config(const YamlInput& input, google::protobuf::Message& config,
                                   Places* where = nullptr);

}  // namespace sluice::model
