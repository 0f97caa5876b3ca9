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
  std::string reason;  ///< "connection refused", "HTTP 503"; of one that passed, what it saw

  [[nodiscard]] static Outcome pass(std::string what) { return {Kind::passed, std::move(what)}; }
  [[nodiscard]] static Outcome fail(std::string why) { return {Kind::failed, std::move(why)}; }
  [[nodiscard]] static Outcome none(std::string why) { return {Kind::not_run, std::move(why)}; }
};

}  // namespace sluice::health
