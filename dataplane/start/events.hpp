/// What the control thread waits for: signals, a wake-up from another thread, or time passing.
#pragma once

#include <cstdint>

#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::start {

class Events {
 public:
  /// Takes SIGTERM, SIGINT and SIGHUP away from the process's other threads: to be made before any
  /// is started.
  [[nodiscard]] static Result<Events> open();
  Events(Events&& other) noexcept;
  Events& operator=(Events&&) = delete;
  ~Events();

  struct Happened {
    bool end = false;     ///< SIGTERM or SIGINT
    bool reload = false;  ///< SIGHUP
  };
  /// Returns at a signal, a wake-up, or after `timeout`.
  [[nodiscard]] Happened wait(Nanoseconds timeout) const;
  /// Ends a wait, from any thread. Never blocks.
  void wake() const;

 private:
  Events(int signals, int wakes) : signals_(signals), wakes_(wakes) {}
  int signals_;
  int wakes_;
};

}  // namespace sluice::start
