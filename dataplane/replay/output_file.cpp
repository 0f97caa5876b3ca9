#include "dataplane/replay/output_file.hpp"

#include <cerrno>
#include <cstring>

namespace sluice::replay {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 18U;

std::string text_of(int error) {
  return std::strerror(error);
}

}  // namespace

Result<OutputFile> OutputFile::create(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) {
    return fail("the file cannot be written: " + text_of(errno), path,
                "name one in a folder that you may write to");
  }
  std::setvbuf(file, nullptr, _IOFBF, kBuffer);
  return OutputFile(file, path);
}

Result<void> OutputFile::flush() {
  errno = 0;
  if (std::fflush(file_.get()) == 0 && std::ferror(file_.get()) == 0) return {};
  return fail("not everything could be written" + (errno == 0 ? "" : ": " + text_of(errno)), path_,
              "make room, or name another file");
}

Result<void> OutputFile::close() {
  errno = 0;
  bool good = std::fflush(file_.get()) == 0 && std::ferror(file_.get()) == 0;
  int error = errno;
  if (std::fclose(file_.release()) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good) return {};
  return fail("not everything could be written" + (error == 0 ? "" : ": " + text_of(error)), path_,
              "make room, or name another file");
}

}  // namespace sluice::replay
