#include "dataplane/nic/netlink.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace sluice::nic {

Netlink::Netlink() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {}

Netlink::~Netlink() {
  if (fd_ >= 0) close(fd_);
}

int Netlink::ask(NetlinkRequest& request) const {
  const auto bytes = request.bytes();
  if (send(fd_, bytes.data(), bytes.size(), 0) < 0) return errno;
  struct Acknowledgement {
    nlmsghdr header;
    nlmsgerr error;
  };
  std::array<std::uint8_t, 1024> buffer;
  const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
  if (size < 0) return errno;
  Acknowledgement answer;
  if (static_cast<std::size_t>(size) < sizeof answer) return EPROTO;
  std::memcpy(&answer, buffer.data(), sizeof answer);
  return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
}

}  // namespace sluice::nic
