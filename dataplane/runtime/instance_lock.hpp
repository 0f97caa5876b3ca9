/// One process a state folder.
#pragma once

#include <string>

#include "dataplane/runtime/result.hpp"

namespace sluice {

/// Holds a lock on a state folder for as long as it lives; the kernel gives it back when the
/// process ends, however it ends.
class InstanceLock {
 public:
  /// Makes the folder if it is missing, and takes its lock or says who has it. Waits a little for a
  /// holder that was killed.
  [[nodiscard]] static Result<InstanceLock> acquire(const std::string& folder);

  InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  InstanceLock& operator=(InstanceLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace sluice
