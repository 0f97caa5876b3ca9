#include "dataplane/runtime/instance_lock.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "dataplane/runtime/patience.hpp"

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

/// Whether a process was killed, or has ended but for threads that the kernel is still taking away:
/// until then its lock holds. See proc(5) for the files.
bool is_ending(const std::string& id) {
  std::ifstream stat("/proc/" + id + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return true;
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos || after_name + 2 >= text.size()) return false;
  const char state = text[after_name + 2];
  if (state == 'Z' || state == 'X') return true;
  std::ifstream status("/proc/" + id + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigPnd:") && !line.starts_with("ShdPnd:")) continue;
    std::uint64_t pending = 0;
    std::from_chars(line.data() + 8, line.data() + line.size(), pending, 16);
    if ((pending >> (SIGKILL - 1) & 1) != 0) return true;
  }
  return false;
}

/// Takes the lock, waiting for a holder that is ending.
bool take(int fd) {
  Patience patience(kPatience);
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const std::string id = holder(fd);
    if (id.empty() || !is_ending(id)) return false;
    if (!patience.wait("the end of the process before this one", id)) return false;
  }
  return true;
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
  if (!take(fd)) {
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
