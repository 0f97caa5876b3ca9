/// One check over a socket of its own: TCP, UDP or DNS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/health/outcome.hpp"
#include "control/health/sockets.hpp"
#include "control/health/target.hpp"

namespace sluice::health {

class SocketProbe {
 public:
  /// Sends or connects at once. The outcome instead, where that says enough.
  [[nodiscard]] static tl::expected<SocketProbe, Outcome> begin(
      std::shared_ptr<const Target> target, std::uint32_t random);

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Events of epoll to wait for.
  [[nodiscard]] std::uint32_t interest() const;
  /// The socket is ready. Nothing: not decided yet.
  [[nodiscard]] std::optional<Outcome> ready();
  [[nodiscard]] const Target& target() const { return *target_; }

 private:
  SocketProbe(Fd fd, std::shared_ptr<const Target> target)
      : fd_(std::move(fd)), target_(std::move(target)) {}
  [[nodiscard]] Outcome connected() const;
  [[nodiscard]] std::optional<Outcome> judge(std::string_view reply) const;

  Fd fd_;
  std::shared_ptr<const Target> target_;
  std::string request_;
};

/// Whether a reply to a generic datagram passes.
[[nodiscard]] Outcome judge_udp(const v1::UdpCheck& check, std::string_view reply);

}  // namespace sluice::health
