#include "dataplane/replay/capture_file.hpp"

#include <cerrno>

namespace sluice::replay {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 18U;

std::string reason() {
  return std::strerror(errno);
}

}  // namespace

Result<CaptureFile> CaptureFile::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    return fail("the capture cannot be read: " + reason(), path, "name a pcap or pcapng file");
  }
  CaptureFile out(file, path);
  std::setvbuf(file, nullptr, _IOFBF, kBuffer);
  return out;
}

Result<std::size_t> CaptureFile::read(std::span<std::uint8_t> out) {
  if (out.empty()) return 0;
  const std::size_t got = std::fread(out.data(), 1, out.size(), file_.get());
  offset_ += got;
  if (got < out.size() && std::ferror(file_.get()) != 0) {
    return fail("the capture cannot be read: " + reason(), name_);
  }
  return got;
}

}  // namespace sluice::replay
