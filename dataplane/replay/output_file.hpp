/// A file that is written from front to back; what goes wrong on the way is told at the end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/runtime/result.hpp"

namespace sluice::replay {

class OutputFile {
 public:
  /// Empties the file if there is one. Error: it cannot be written.
  [[nodiscard]] static Result<OutputFile> create(const std::string& path);

  void put(std::span<const std::uint8_t> bytes) { put(bytes.data(), bytes.size()); }
  void put(std::string_view text) { put(text.data(), text.size()); }
  /// Hands over what is still in memory. Error: not everything could be written.
  [[nodiscard]] Result<void> flush();
  /// The same, and ends it.
  [[nodiscard]] Result<void> close();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  OutputFile(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  void put(const void* bytes, std::size_t size) {
    if (size != 0) std::fwrite(bytes, 1, size, file_.get());  // no bytes may come from nowhere
  }

  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
};

}  // namespace sluice::replay
