/// Small servers on loopback that answer as a test says.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::health {

/// One thread that serves one socket until it is destroyed. Over TCP a connection is answered once
/// and closed; an empty answer closes it (TCP) or says nothing (UDP).
class Server {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  Server(int type, Answer answer) : type_(type), answer_(std::move(answer)) {
    fd_ = ::socket(AF_INET, type, 0);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, ::bind(fd_, reinterpret_cast<sockaddr*>(&local), sizeof local));
    socklen_t size = sizeof local;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &size);
    port_ = ntohs(local.sin_port);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(0, ::listen(fd_, 512));
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    ending_ = true;
    thread_.join();
    ::close(fd_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int served() const { return served_; }

 private:
  void run() {
    while (!ending_) {
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 5) == 1) type_ == SOCK_STREAM ? serve_stream() : serve_datagram();
    }
  }
  void serve_stream() {
    const int one = ::accept(fd_, nullptr, nullptr);
    const timeval patience{1, 0};
    ::setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char bytes[4096];
    const ssize_t size = ::recv(one, bytes, sizeof bytes, 0);
    ++served_;
    const std::string answer =
        size > 0 ? answer_({bytes, static_cast<std::size_t>(size)}) : std::string();
    (void)::send(one, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::shutdown(one, SHUT_WR);
    while (::recv(one, bytes, sizeof bytes, 0) > 0) continue;
    ::close(one);
  }
  void serve_datagram() {
    char bytes[4096];
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    const ssize_t size = ::recvfrom(fd_, bytes, sizeof bytes, 0, address, &length);
    ++served_;
    const std::string answer = answer_({bytes, static_cast<std::size_t>(size)});
    if (!answer.empty()) (void)::sendto(fd_, answer.data(), answer.size(), 0, address, length);
  }

  const int type_;
  const Answer answer_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> served_{0};
  std::thread thread_;
};

/// A port at which nobody listens.
inline std::uint16_t closed_port() {
  const Server gone(SOCK_STREAM, [](const std::string&) { return std::string(); });
  return gone.port();
}

}  // namespace sluice::health
