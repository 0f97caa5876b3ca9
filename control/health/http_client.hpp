/// HTTP checks, many at once, by libcurl driven from our epoll.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/health/outcome.hpp"
#include "control/health/target.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::health {

class HttpClient {
 public:
  /// Its sockets are registered with the epoll instance, `tag | fd` as their data.
  HttpClient(int epoll, std::uint64_t tag);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Begins a check, which ends by its time-out at the latest.
  void start(std::uint64_t id, std::shared_ptr<const Target> target, Nanoseconds now);
  /// A socket of it is ready: its events as of epoll.
  void ready(int fd, std::uint32_t events);
  /// Does what is due by time.
  void turn(Nanoseconds now);
  /// When turn() has something to do.
  [[nodiscard]] std::optional<Nanoseconds> due_at() const { return due_; }

  struct Finished {
    std::uint64_t id = 0;
    std::shared_ptr<const Target> target;
    Outcome outcome;
  };
  /// Those that have ended since it was asked last.
  [[nodiscard]] std::vector<Finished> take_finished() { return std::exchange(finished_, {}); }

 private:
  struct Transfer;
  struct Callbacks;  ///< what libcurl calls
  void collect();

  const int epoll_;
  const std::uint64_t tag_;
  void* multi_;  ///< CURLM
  Nanoseconds now_ = 0;
  std::optional<Nanoseconds> due_;
  std::unordered_map<void*, std::unique_ptr<Transfer>> transfers_;  ///< by CURL handle
  std::vector<Finished> finished_;
};

/// Whether a status code passes.
[[nodiscard]] bool status_passes(const v1::HttpCheck& check, long status);
/// "http://198.18.1.11:8080/health".
[[nodiscard]] std::string url_of(const Target& target);

}  // namespace sluice::health
