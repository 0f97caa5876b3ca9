/// Ordinary non-blocking sockets whose packets go by the data plane.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "control/health/outcome.hpp"
#include "control/health/target.hpp"

namespace sluice::health {

/// A file descriptor that is closed with it.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// Binds a socket to the address of the data plane, so that what it sends goes that way. The
/// outcome instead: the address is not here, as while no data plane runs.
[[nodiscard]] std::optional<Outcome> bind_to_source(int fd, const Target& target);

/// A socket of SOCK_STREAM or SOCK_DGRAM that is bound, and connected or about to be.
[[nodiscard]] tl::expected<Fd, Outcome> connect_to(const Target& target, int type);

/// The data plane's address can still be sent from: what failed did so on the way beyond it.
[[nodiscard]] bool source_is_here(const Target& target);

/// "connection refused": an errno in words, as a reason.
[[nodiscard]] std::string reason_of(int error);
/// "timed out after 1s".
[[nodiscard]] std::string timeout_reason(const Target& target);

}  // namespace sluice::health
