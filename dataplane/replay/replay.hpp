/// Runs the pipeline of the data plane over a capture: without NIC, root, EAL or daemon, on one
/// core, with the capture's time stamps as its clock. The same input gives the same output, byte
/// for byte.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "dataplane/packet/snapshot.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::replay {

struct Request {
  std::string in;        ///< capture to read
  std::string port;      ///< all packets come in by it; empty: see port_of() in replay.cpp
  std::string out;       ///< capture to write
  std::string verdicts;  ///< file of verdicts to write; empty: none
  bool cycles = false;   ///< note the cycles of each packet, which no two runs agree on
  unsigned burst = 1;    ///< packets of one time stamp given to the pipeline at once
};

struct Summary {
  std::uint64_t packets = 0;  ///< replayed
  std::uint64_t sent = 0, answered = 0, punted = 0, held = 0;
  std::array<std::uint64_t, kDropReasons> dropped{};
  std::uint64_t originated = 0;  ///< frames of our own in the output
  std::uint64_t cut = 0;         ///< packets of which the capture has not all bytes
  Nanoseconds span = 0;          ///< from the first packet to the last
};

/// Replays `request.in` under the state that `sources` hold, whose ports are numbered from 0 in
/// their order. Nothing is written before the input is known to be a capture. An error may come
/// after some packets: `summary` and the output then have what came before it.
[[nodiscard]] Result<void> replay(const Sources& sources, const Request& request, Summary& summary);

}  // namespace sluice::replay
