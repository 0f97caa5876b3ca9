#include "control/health/socket_probe.hpp"

#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "control/health/dns_message.hpp"
#include "control/model/format.hpp"

namespace sluice::health {
namespace {

/// Datagrams looked at before others get their turn: a flood of wrong ones must not keep us.
constexpr int kDatagramsAtOnce = 16;
constexpr std::size_t kReplyMax = 65'535;

/// The bytes of a field that is written as text or in hexadecimal.
std::string bytes_of(const std::string& text, const std::string& hex) {
  return hex.empty() ? text : model::parse_hex(hex).value_or(std::string());
}

std::string request_of(const v1::HealthCheck& check, std::uint32_t random) {
  if (check.has_dns()) return dns_query(check.dns(), static_cast<std::uint16_t>(random));
  return bytes_of(check.udp().text(), check.udp().hex());
}

/// What has happened to the socket, 0 for nothing.
int error_of(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

tl::expected<SocketProbe, Outcome> SocketProbe::begin(std::shared_ptr<const Target> target,
                                                      std::uint32_t random) {
  const bool tcp = target->check->has_tcp();
  auto fd = connect_to(*target, tcp ? SOCK_STREAM : SOCK_DGRAM);
  if (!fd) return tl::unexpected(std::move(fd.error()));
  SocketProbe probe(*std::move(fd), std::move(target));
  if (tcp) return probe;
  probe.request_ = request_of(*probe.target_->check, random);
  const ssize_t sent = ::send(probe.fd(), probe.request_.data(), probe.request_.size(), 0);
  if (sent >= 0) return probe;
  return tl::unexpected(Outcome::none("not checked: " + reason_of(errno)));
}

std::uint32_t SocketProbe::interest() const {
  return target_->check->has_tcp() ? EPOLLOUT : EPOLLIN;
}

std::optional<Outcome> SocketProbe::ready() {
  if (target_->check->has_tcp()) return connected();
  for (int i = 0; i < kDatagramsAtOnce; ++i) {
    std::array<char, kReplyMax> reply;
    const ssize_t size = ::recv(fd(), reply.data(), reply.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (size < 0) return Outcome::fail(reason_of(errno));
    if (auto outcome = judge({reply.data(), static_cast<std::size_t>(size)})) return outcome;
  }
  return std::nullopt;
}

Outcome SocketProbe::connected() const {
  if (const int error = error_of(fd()); error != 0) return Outcome::fail(reason_of(error));
  // Reset rather than closed: no connection lingers here in TIME_WAIT for each check.
  const linger reset{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  return Outcome::pass("connected");
}

std::optional<Outcome> SocketProbe::judge(std::string_view reply) const {
  const v1::HealthCheck& check = *target_->check;
  if (check.has_dns()) return judge_dns(check.dns(), request_, reply);
  return judge_udp(check.udp(), reply);
}

Outcome judge_udp(const v1::UdpCheck& check, std::string_view reply) {
  const std::string wanted = bytes_of(check.reply_text(), check.reply_hex());
  if (reply.substr(0, wanted.size()) == wanted) return Outcome::pass("answered");
  return Outcome::fail("the reply begins otherwise");
}

}  // namespace sluice::health
