/// A reader of DNS messages that takes nothing on trust: what an answer of ours must be.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/bytes.hpp"

namespace sluice::fuzz {

struct DnsMessage {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::size_t question_end = 0;  ///< offset after the question section
  bool well_formed = false;      ///< names, records and counts fit, nothing is left over
  [[nodiscard]] bool response() const { return (flags & 0x8000) != 0; }
  [[nodiscard]] bool truncated() const { return (flags & 0x0200) != 0; }
  [[nodiscard]] unsigned rcode() const { return flags & 0xfU; }
};

/// Reads header, question and all records; pointers must lead back (RFC 1035 section 4.1.4).
[[nodiscard]] DnsMessage read_dns(std::span<const std::uint8_t> bytes);

/// Ends the process unless `answer` is a well-formed answer to `query`, which may be malformed:
/// same identification and opcode, QR set, RA, Z, AD and CD clear, the question as it was asked.
void check_dns_answer(std::span<const std::uint8_t> query, std::span<const std::uint8_t> answer);

}  // namespace sluice::fuzz
