#include "dataplane/runtime/instance_lock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace sluice {
namespace {

/// What the holder of the lock wrote into it: its process id. Empty if it has not yet.
std::string holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t n = pread(fd, text.data(), text.size(), 0);
  std::string id(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace

Result<InstanceLock> InstanceLock::acquire(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return fail("cannot make the state folder: " + error.message(), folder,
                "make it, or name another state_folder");
  }
  const std::string path = folder + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return fail(std::string("cannot write in the state folder: ") + std::strerror(errno), path,
                "give this user write access, or name another state_folder");
  }
  InstanceLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const std::string id = holder(fd);
    return fail("another instance" + (id.empty() ? "" : " (process " + id + ")") +
                    " already runs with this state folder",
                folder, "end it first, or name another state_folder");
  }
  // The id is only for the message above; the lock holds without it, on a full disk too.
  const std::string id = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, id.data(), id.size(), 0) < 0) return lock;
  return lock;
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace sluice
