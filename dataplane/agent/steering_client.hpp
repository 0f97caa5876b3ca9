/// The data plane's end of the steering stream: dials the control daemon, for ever.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/model/certificates.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::agent {

/// Files of a client that proves who it is (PEM). They are read anew for every connection, so that
/// a certificate can be replaced without a restart.
using TlsFiles = model::CertificateFiles;

struct SteeringOptions {
  std::string target;  ///< "unix:/run/sluice/control.sock" or "198.18.0.1:7700"
  std::optional<TlsFiles> tls;
  Nanoseconds retry_min = 100 * kMillisecond;  ///< wait after the first failure; doubles
  Nanoseconds retry_max = 5 * kSecond;
  std::size_t outbox_max = 1024;  ///< messages waiting to be sent; more are refused
  std::size_t inbox_max = 64;     ///< messages waiting to be taken; then the stream is not read
  std::size_t message_bytes_max = std::size_t{256} << 20;
  std::uint32_t jitter_seed = 1;
  std::function<void()> wake;  ///< called from another thread when `turn` has something to do
};

/// Used by one thread. Nothing in it waits for the network.
class SteeringClient {
 public:
  /// `hello` is asked for the first message of every connection.
  SteeringClient(SteeringOptions options, std::function<v1::Hello()> hello);
  ~SteeringClient();  ///< ends the stream; waits for its last callback
  SteeringClient(const SteeringClient&) = delete;
  SteeringClient& operator=(const SteeringClient&) = delete;

  /// Connects where there is no connection and the time to retry has come.
  void turn(Nanoseconds now);
  /// The oldest message from the control daemon that was not taken yet.
  [[nodiscard]] std::optional<v1::ToDataplane> take();
  /// Queues a message. False: not connected, or too many wait; the message is lost.
  bool send(v1::FromDataplane message);
  /// Messages waiting to be sent.
  [[nodiscard]] std::size_t unsent() const;
  /// Whether a stream stands and the control daemon has spoken on it.
  [[nodiscard]] bool connected() const;

 private:
  class Stream;

  void dial(Nanoseconds now);
  void retry_later(Nanoseconds now, const Error& why);

  SteeringOptions options_;
  std::function<v1::Hello()> hello_;
  std::unique_ptr<Stream> stream_;
  enum class Standing : std::uint8_t { unknown, connected, away };
  Standing standing_ = Standing::unknown;  ///< as it was last logged
  Nanoseconds retry_at_ = 0;
  Nanoseconds retry_wait_ = 0;
  std::uint32_t jitter_;
};

}  // namespace sluice::agent
