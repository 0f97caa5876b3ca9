/// Accepts stream connections and holds each to its limits. What a connection says is a session's
/// affair: it is handed to a handler, one task a connection.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>

#include "dataplane/io/reactor.hpp"
#include "dataplane/io/task.hpp"
#include "dataplane/runtime/counters.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::io {

/// An address to listen on or a client's, as a key and as text.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};  ///< IPv4 as ::ffff:a.b.c.d
  std::uint16_t port = 0;                  ///< host order

  [[nodiscard]] static Endpoint from(const sockaddr_storage& socket);
  [[nodiscard]] std::string text() const;
  /// The address alone: clients are limited by it.
  [[nodiscard]] std::string client_key() const { return {address.begin(), address.end()}; }
};

/// One accepted connection, used by its task only; closed with its owner.
class Connection {
 public:
  Connection(Reactor& reactor, int descriptor, Endpoint peer)
      : reactor_(reactor), descriptor_(descriptor), peer_(peer) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { reactor_.ring().close(descriptor_); }

  [[nodiscard]] const Endpoint& peer() const { return peer_; }
  [[nodiscard]] Reactor& reactor() { return reactor_; }
  /// Bytes that have come; 0 at the end of the stream, -errno, -ETIMEDOUT.
  Reactor::Awaiter receive(std::span<std::uint8_t> into, Nanoseconds timeout) {
    return reactor_.receive(descriptor_, into, timeout);
  }
  /// All of the bytes, or -errno; `timeout` is for each step that makes progress.
  Task<int> send_all(std::span<const std::uint8_t> from, Nanoseconds timeout);

 private:
  Reactor& reactor_;
  int descriptor_;
  Endpoint peer_;
};

struct ListenerLimits {
  std::uint32_t connections_max = 1024;
  std::uint32_t connections_per_client_max = 64;
};

struct ListenerCounters {
  Counter accepted;
  Counter refused_total;       ///< more than connections_max
  Counter refused_per_client;  ///< more than connections_per_client_max
  Counter accept_errors;       ///< EMFILE and the like
  Counter open;                ///< a gauge
};

class Listener {
 public:
  using Handler = std::function<Task<void>(Connection&)>;

  /// A listening TCP socket. The address need not be there yet (IP_FREEBIND), and other shards may
  /// listen on it too (SO_REUSEPORT). Error: with the address, why, and what to do.
  [[nodiscard]] static Result<int> bind(const Endpoint& at, int backlog);

  Listener(Reactor& reactor, int descriptor, ListenerLimits limits, Handler handler);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Begins to accept. The listener must outlive its tasks: stop the reactor first, or stop().
  void start();
  /// No new connections; those open go on.
  void stop();
  [[nodiscard]] bool idle() const { return tasks_ == 0; }
  [[nodiscard]] const ListenerCounters& counters() const { return counters_; }

 private:
  Task<void> accept_all();
  Task<void> serve(int descriptor, Endpoint peer);
  [[nodiscard]] bool admit(const Endpoint& peer);

  Reactor& reactor_;
  int descriptor_;
  ListenerLimits limits_;
  Handler handler_;
  ListenerCounters counters_;
  std::unordered_map<std::string, std::uint32_t> by_client_;
  std::uint32_t open_ = 0;
  std::uint32_t tasks_ = 0;
  bool stopped_ = false;
};

}  // namespace sluice::io
