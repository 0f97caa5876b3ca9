/// What one check of a backend said.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::health {

struct Outcome {
  enum class Kind : std::uint8_t {
    passed,
    failed,
    not_run,  ///< for a reason of this host's: it says nothing about the backend
  };
  Kind kind = Kind::not_run;
  std::string reason;   ///< "connection refused", "HTTP 503"; of one that passed, what it saw
  bool silent = false;  ///< of one that failed: nothing came back, so the way may be at fault

  [[nodiscard]] static Outcome pass(std::string what) {
    return {Kind::passed, std::move(what), false};
  }
  [[nodiscard]] static Outcome fail(std::string why) {
    return {Kind::failed, std::move(why), false};
  }
  [[nodiscard]] static Outcome none(std::string why) {
    return {Kind::not_run, std::move(why), false};
  }
  [[nodiscard]] static Outcome silence(std::string why) {
    return {Kind::failed, std::move(why), true};
  }
};

}  // namespace sluice::health
