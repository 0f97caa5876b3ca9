#include "dataplane/agent/state_file.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

namespace sluice::agent {
namespace {

/// What stands before the serialized snapshot. Numbers are little-endian, as the machine has them.
struct Header {
  std::array<char, 8> magic = {'s', 'l', 'u', 'i', 'c', 'e', 's', '1'};
  std::uint64_t length = 0;
  std::uint64_t checksum = 0;  ///< XXH3 of the bytes that follow

  [[nodiscard]] static Header of(std::string_view body) {
    Header header;
    header.length = body.size();
    header.checksum = XXH3_64bits(body.data(), body.size());
    return header;
  }
};

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> system_fail(const char* what, const std::string& where) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT;
  return fail(fmt::format("{}: {}", what, std::strerror(error)), where,
              full ? "free space on the disk of the state folder" : "");
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

Result<void> write_file(const std::string& path, const Header& header, std::string_view body) {
  const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.fd() < 0) return system_fail("cannot write the snapshot", path);
  std::array<char, sizeof header> head{};
  std::memcpy(head.data(), &header, sizeof header);
  if (!write_all(file.fd(), {head.data(), head.size()}) || !write_all(file.fd(), body)) {
    return system_fail("cannot write the snapshot", path);
  }
  if (fsync(file.fd()) != 0) return system_fail("cannot write the snapshot to disk", path);
  return {};
}

Result<void> sync_folder(const std::string& folder) {
  const File opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.fd() < 0 || fsync(opened.fd()) != 0) {
    return system_fail("cannot write the folder to disk", folder);
  }
  return {};
}

Result<std::string> read_whole(int fd, const std::string& path) {
  std::string bytes;
  std::array<char, 65536> part;
  for (;;) {
    const ssize_t n = read(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_fail("cannot read the snapshot", path);
    if (n == 0) return bytes;
    bytes.append(part.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

StateFile::StateFile(std::string folder)
    : folder_(std::move(folder)), path_(folder_ + "/snapshot") {}

Result<void> StateFile::save(const v1::Snapshot& snapshot) const {
  return put(path_, snapshot.SerializeAsString());
}

Result<std::optional<v1::Snapshot>> StateFile::load() const {
  return get<v1::Snapshot>(path_);
}

Result<void> StateFile::save_health(const v1::Health& health) const {
  return put(health_path(), health.SerializeAsString());
}

Result<std::optional<v1::Health>> StateFile::load_health() const {
  return get<v1::Health>(health_path());
}

Result<void> StateFile::put(const std::string& path, std::string_view body) const {
  const std::string temporary = path + ".new";
  if (auto written = write_file(temporary, Header::of(body), body); !written) {
    unlink(temporary.c_str());  // a full disk should not stay full because of us
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return system_fail("cannot put the snapshot in its place", path);
  }
  return sync_folder(folder_);
}

template <class Message>
Result<std::optional<Message>> StateFile::get(const std::string& path) const {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0 && errno == ENOENT) return std::nullopt;
  if (file.fd() < 0) return system_fail("cannot open the snapshot", path);
  const auto bytes = read_whole(file.fd(), path);
  if (!bytes) return tl::unexpected(bytes.error());

  const auto damaged = [&](const char* how) {
    return fail(fmt::format("the saved snapshot is damaged ({})", how), path,
                "remove it; the control daemon sends a new one");
  };
  Header header;
  if (bytes->size() < sizeof header) return damaged("cut short");
  std::memcpy(&header, bytes->data(), sizeof header);
  if (header.magic != Header{}.magic) return damaged("not a snapshot");
  const std::string_view body = std::string_view(*bytes).substr(sizeof header);
  if (body.size() != header.length) return damaged("cut short");
  if (Header::of(body).checksum != header.checksum) return damaged("wrong checksum");
  Message message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return damaged("not readable");
  }
  return message;
}

}  // namespace sluice::agent
