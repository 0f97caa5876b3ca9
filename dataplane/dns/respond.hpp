/// Turns a query into its answer in the same buffer: the question stays where it is, records follow
/// it, and the header is patched.
#pragma once

#include <cstdint>

#include "dataplane/dns/query.hpp"
#include "dataplane/dns/zone_set.hpp"

namespace sluice::dns {

/// How large the answer may be and what the server says of itself.
struct AnswerLimits {
  std::size_t size = 512;             ///< octets of the message
  std::uint16_t udp_size_max = 1232;  ///< told in OPT
};

/// The compiled answer to a query, or none.
struct Choice {
  const std::uint8_t* answer = nullptr;  ///< an Answer; nullptr: nobody's zone, refuse
  std::uint16_t rcode = 0;
  std::uint8_t asked_for = 0;  ///< size of the name that the answer was rendered for
  std::uint32_t zone = 0;
};

/// Octets that the answer to a query may have on UDP.
[[nodiscard]] inline std::size_t udp_limit(const Query& query, std::uint16_t udp_size_max) {
  return query.payload < udp_size_max ? query.payload : udp_size_max;
}

/// Chooses what to answer for a name that was looked up.
[[nodiscard]] Choice choose(const ZoneSet& zones, const Query& query, ZoneSet::Found found);

/// Writes the answer over the query in `message` and returns its size. There is room for
/// limits.size octets, which is at least the size of the question and OPT. Counts into `slots`
/// unless it is nullptr.
std::size_t respond(const ZoneSet& zones, const Query& query, const Choice& choice,
                    std::uint8_t* message, std::size_t query_size, const AnswerLimits& limits,
                    CounterBlock* slots);

/// Writes an error over the query (header, question if it is known, OPT) and returns its size.
std::size_t respond_error(const ZoneSet& zones, const Query& query, std::uint16_t rcode,
                          std::uint8_t* message, const AnswerLimits& limits, CounterBlock* slots);

}  // namespace sluice::dns
