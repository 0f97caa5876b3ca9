/// A file that is read from front to back, and numbers of either byte order in what was read.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "dataplane/runtime/result.hpp"

namespace sluice::replay {

/// Knows how far it has come, so that an error can say where.
class CaptureFile {
 public:
  /// Error: there is no such file, or it may not be read.
  [[nodiscard]] static Result<CaptureFile> open(const std::string& path);
  /// Takes over an open file; `name` is for messages.
  CaptureFile(std::FILE* file, std::string name) : file_(file), name_(std::move(name)) {}

  /// Fills `out` as far as the file goes; how many bytes. An error only if the disk fails.
  [[nodiscard]] Result<std::size_t> read(std::span<std::uint8_t> out);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::string name_;
  std::uint64_t offset_ = 0;
};

/// Unchecked access in the byte order of the machine that wrote the file.
struct FileOrder {
  bool swapped = false;  ///< other than ours

  [[nodiscard]] std::uint16_t u16(const std::uint8_t* at) const {
    std::uint16_t v;
    std::memcpy(&v, at, sizeof v);
    return swapped ? __builtin_bswap16(v) : v;
  }
  [[nodiscard]] std::uint32_t u32(const std::uint8_t* at) const {
    std::uint32_t v;
    std::memcpy(&v, at, sizeof v);
    return swapped ? __builtin_bswap32(v) : v;
  }
  [[nodiscard]] std::uint64_t u64(const std::uint8_t* at) const {
    std::uint64_t v;
    std::memcpy(&v, at, sizeof v);
    return swapped ? __builtin_bswap64(v) : v;
  }
};

}  // namespace sluice::replay
