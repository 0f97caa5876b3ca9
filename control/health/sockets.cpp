#include "control/health/sockets.hpp"

#include <cctype>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/runtime/socket_address.hpp"

namespace sluice::health {
namespace {

Fd open_socket(const IpAddress& address, int type) {
  return Fd(::socket(address.is_v4() ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<Outcome> bind_to_source(int fd, const Target& target) {
  if (!target.source) {
    return Outcome::none("not checked: no port leads to " + target.address().text());
  }
  // The port is chosen at connect, when the other end is known: there are then enough of them.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const SocketAddress from = socket_address(target.source->bytes, 0);
  if (::bind(fd, from.get(), from.size) == 0) return std::nullopt;
  if (errno == EADDRNOTAVAIL) {
    return Outcome::none("not checked: the data plane's address " + target.source->text() +
                         " is not on this host");
  }
  return Outcome::none("not checked: " + reason_of(errno));
}

tl::expected<Fd, Outcome> connect_to(const Target& target, int type) {
  Fd fd = open_socket(target.address(), type);
  if (fd.get() < 0) return tl::unexpected(Outcome::none("not checked: " + reason_of(errno)));
  if (auto no = bind_to_source(fd.get(), target)) return tl::unexpected(*std::move(no));
  const SocketAddress to = socket_address(target.address().bytes, target.port);
  if (::connect(fd.get(), to.get(), to.size) == 0 || errno == EINPROGRESS) return fd;
  if (errno == ECONNREFUSED) return tl::unexpected(Outcome::fail(reason_of(errno)));
  return tl::unexpected(Outcome::none("not checked: " + reason_of(errno)));
}

bool source_is_here(const Target& target) {
  const Fd fd = open_socket(target.address(), SOCK_DGRAM);
  // Without a descriptor to ask with, nothing is known, and so nothing said against it.
  return fd.get() < 0 || !bind_to_source(fd.get(), target);
}

std::string reason_of(int error) {
  std::string text = std::strerror(error);  // NOLINT(concurrency-mt-unsafe): a table in glibc
  text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string timeout_reason(const Target& target) {
  return "timed out after " + target.check->timeout();
}

}  // namespace sluice::health
