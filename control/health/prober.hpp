/// Checks under way: sockets and time-outs of all of them, waited for by one epoll.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/health/http_client.hpp"
#include "control/health/outcome.hpp"
#include "control/health/socket_probe.hpp"
#include "control/health/target.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::health {

/// Used by one thread, but for wake().
class Prober {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Prober>> open(Clock& clock);

  /// Begins a check; it is finished once, by its time-out at the latest.
  void start(std::uint64_t id, std::shared_ptr<const Target> target);
  struct Finished {
    std::uint64_t id = 0;
    Outcome outcome;
    Nanoseconds begun = 0;
  };
  /// Waits until a check is finished, the time has come or wake() was called; returns what is
  /// finished.
  [[nodiscard]] std::vector<Finished> wait(Nanoseconds until);
  /// Ends a wait, from any thread.
  void wake() const;

 private:
  Prober(Clock& clock, Fd epoll, Fd wakes)
      : clock_(clock),
        epoll_(std::move(epoll)),
        wakes_(std::move(wakes)),
        http_(epoll_.get(), kHttpTag),
        random_(std::random_device{}()) {}

  static constexpr std::uint64_t kHttpTag = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kWakeTag = 0;

  void start_socket(std::uint64_t id, const std::shared_ptr<const Target>& target);
  void handle(std::uint64_t tag, std::uint32_t events);
  void expire(Nanoseconds now);
  void finish(std::uint64_t id, const Target& target, Outcome outcome);
  [[nodiscard]] int patience(Nanoseconds until) const;

  Clock& clock_;
  Fd epoll_;
  Fd wakes_;
  HttpClient http_;
  std::mt19937 random_;  ///< ids of queries; a connected socket takes replies of one peer only
  std::unordered_map<std::uint64_t, Nanoseconds> begun_;
  std::unordered_map<std::uint64_t, SocketProbe> probes_;
  std::set<std::pair<Nanoseconds, std::uint64_t>> deadlines_;  ///< of probes_
  std::vector<Finished> finished_;
};

}  // namespace sluice::health
