#include "dataplane/io/listener.hpp"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/runtime/socket_address.hpp"

namespace sluice::io {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
// After an accept that failed for want of descriptors or memory: long enough not to spin.
constexpr Nanoseconds kAcceptPause = 50 * kMillisecond;

[[nodiscard]] bool is_v4(const Endpoint& at) {
  return std::memcmp(at.address.data(), kMapped.data(), kMapped.size()) == 0;
}

}  // namespace

Endpoint Endpoint::from(const sockaddr_storage& socket) {
  Endpoint at;
  if (socket.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &socket, sizeof in);
    std::memcpy(at.address.data(), kMapped.data(), kMapped.size());
    std::memcpy(at.address.data() + 12, &in.sin_addr, 4);
    at.port = ntohs(in.sin_port);
  } else {
    sockaddr_in6 in6;
    std::memcpy(&in6, &socket, sizeof in6);
    std::memcpy(at.address.data(), &in6.sin6_addr, 16);
    at.port = ntohs(in6.sin6_port);
  }
  return at;
}

std::string Endpoint::text() const {
  char out[INET6_ADDRSTRLEN];
  const bool v4 = is_v4(*this);
  inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), out, sizeof out);
  const std::string host = v4 ? std::string(out) : "[" + std::string(out) + "]";
  return host + ":" + std::to_string(port);
}

Task<int> Connection::send_all(std::span<const std::uint8_t> from, Nanoseconds timeout) {
  while (!from.empty()) {
    const int sent = co_await reactor_.send(descriptor_, from, timeout);
    if (sent == -EINTR || sent == -EAGAIN) continue;
    if (sent <= 0) co_return sent == 0 ? -EPIPE : sent;
    from = from.subspan(static_cast<std::size_t>(sent));
  }
  co_return 0;
}

Result<int> Listener::bind(const Endpoint& at, int backlog) {
  const int descriptor =
      ::socket(is_v4(at) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  const int on = 1;
  const SocketAddress address = socket_address(at.address, at.port);
  bool good = descriptor >= 0;
  for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) {
    good = good && ::setsockopt(descriptor, SOL_SOCKET, option, &on, sizeof on) == 0;
  }
  // The address may belong to an interface that is made later, or to none of this host.
  good = good &&
         (is_v4(at) ? ::setsockopt(descriptor, IPPROTO_IP, IP_FREEBIND, &on, sizeof on)
                    : ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on)) == 0;
  good = good &&
         (is_v4(at) || ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0);
  good = good && ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
  good = good && ::bind(descriptor, address.get(), address.size) == 0;
  good = good && ::listen(descriptor, backlog) == 0;
  if (good) return descriptor;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  return fail("cannot listen: " + std::string(std::strerror(error)), at.text(),
              error == EADDRINUSE ? "another process listens there: see `ss -ltnp`"
                                  : "check the address and the privileges");
}

Listener::Listener(Reactor& reactor, int descriptor, ListenerLimits limits, Handler handler)
    : reactor_(reactor), descriptor_(descriptor), limits_(limits), handler_(std::move(handler)) {}

Listener::~Listener() {
  reactor_.ring().close(descriptor_);
}

void Listener::start() {
  ++tasks_;
  reactor_.spawn(accept_all());
}

void Listener::stop() {
  stopped_ = true;
  reactor_.ring().shutdown(descriptor_);
}

bool Listener::admit(const Endpoint& peer) {
  if (open_ >= limits_.connections_max) {
    counters_.refused_total.add(1);
    return false;
  }
  const auto known = by_client_.find(peer.client_key());
  if (known != by_client_.end() && known->second >= limits_.connections_per_client_max) {
    counters_.refused_per_client.add(1);
    return false;
  }
  return true;
}

Task<void> Listener::accept_all() {
  while (!stopped_ && !reactor_.stopping()) {
    sockaddr_storage socket;
    const int descriptor = co_await reactor_.accept(descriptor_, socket);
    if (descriptor >= 0) {
      const Endpoint peer = Endpoint::from(socket);
      if (admit(peer)) {
        ++tasks_;
        reactor_.spawn(serve(descriptor, peer));
      } else {
        reactor_.ring().close(descriptor);
      }
    } else if (descriptor != -ECANCELED && descriptor != -EINVAL && descriptor != -ECONNABORTED) {
      counters_.accept_errors.add(1);
      co_await reactor_.sleep_for(kAcceptPause);
    }
  }
  --tasks_;
}

Task<void> Listener::serve(int descriptor, Endpoint peer) {
  counters_.accepted.add(1);
  counters_.open.set(++open_);
  const std::string client = peer.client_key();
  ++by_client_[client];
  {
    Connection connection(reactor_, descriptor, peer);
    co_await handler_(connection);
  }
  if (--by_client_[client] == 0) by_client_.erase(client);
  counters_.open.set(--open_);
  --tasks_;
}

}  // namespace sluice::io
