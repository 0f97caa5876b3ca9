/// A network namespace that the test process alone is in, with a veth pair whose far end is a raw
/// socket. It ends with the process.
#pragma once

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::nic {

using Frame = std::vector<std::uint8_t>;

inline bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// True if this process is root and now in a network of its own.
inline bool enter_private_network() {
  static const bool entered =
      geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && run("ip link set lo up");
  return entered;
}

/// A veth pair NEAR, FAR with `queues` queues each.
inline bool make_wire(const std::string& near, const std::string& far, unsigned queues) {
  const std::string count =
      " numtxqueues " + std::to_string(queues) + " numrxqueues " + std::to_string(queues);
  // Nothing but the test may speak on the wire.
  return run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1") &&
         run("ip link add " + near + count + " type veth peer name " + far + count) &&
         run("ip link set " + near + " up") && run("ip link set " + far + " up");
}

/// The far end of a wire.
class RawSocket {
 public:
  explicit RawSocket(const std::string& interface)
      : fd_(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    const int yes = 1;
    setsockopt(fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
    good_ = bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  ~RawSocket() { close(fd_); }

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool send(const Frame& frame) const {
    return write(fd_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
  }
  /// The next frame within two seconds.
  [[nodiscard]] std::optional<Frame> receive() const {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, 2000) != 1) return std::nullopt;
    Frame frame(2048);
    const ssize_t n = read(fd_, frame.data(), frame.size());
    if (n < 0) return std::nullopt;
    frame.resize(static_cast<std::size_t>(n));
    return frame;
  }

 private:
  int fd_;
  bool good_ = false;
};

}  // namespace sluice::nic
