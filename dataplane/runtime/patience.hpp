/// Waiting, not for long, for what the kernel still holds for a process that was killed.
#pragma once

#include <string_view>

#include "dataplane/runtime/clock.hpp"

namespace sluice {

/// For start-up only: it sleeps. One object for each thing that is waited for.
class Patience {
 public:
  static constexpr Nanoseconds kInterval = 50 * kMillisecond;

  explicit Patience(Nanoseconds limit) : left_(limit) {}

  /// Sleeps for a moment; false, at once, when the limit is used up. The first call says in the log
  /// that `what` is waited for at `where`.
  [[nodiscard]] bool wait(std::string_view what, std::string_view where);

 private:
  Nanoseconds left_;
  bool said_ = false;
};

/// How long a start waits for what an ended process leaves behind.
constexpr Nanoseconds kPatience = 5 * kSecond;

}  // namespace sluice
