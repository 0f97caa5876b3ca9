/// Reads a query (RFC 1035 section 4.1, RFC 6891) from untrusted bytes. Bounded: one pass over the
/// question, at most kRecordsMax records behind it.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::dns {

/// Records after the question that are looked at; more is a malformed query.
inline constexpr unsigned kRecordsMax = 8;

/// What is to be done with what arrived.
enum class QueryFate : std::uint8_t {
  look_up,  ///< a question for the zones
  error,    ///< answered with `rcode` without a look-up
  discard,  ///< not a query: no answer of any kind, so that no two servers can be made to talk
};

struct Query {
  QueryFate fate = QueryFate::discard;
  std::uint8_t name_size = 0;  ///< octets of the name asked for
  bool has_question = false;   ///< the question is whole and is sent back
  bool has_edns = false;
  bool dnssec_ok = false;   ///< DO (RFC 3225), sent back
  std::uint16_t rcode = 0;  ///< extended response code of an error
  std::uint16_t type = 0;
  std::uint16_t payload = 512;  ///< the sender's UDP size, at least 512 (RFC 6891 section 6.2.3)

  /// Octets of header and question.
  [[nodiscard]] std::uint16_t question_end() const;
};

[[nodiscard]] Query read_query(std::span<const std::uint8_t> message);

}  // namespace sluice::dns
