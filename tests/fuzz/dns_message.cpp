#include "tests/fuzz/dns_message.hpp"

#include <algorithm>

#include "tests/fuzz/input.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kHeader = 12, kNameMax = 255;

/// The offset after the name at `at`, or 0.
std::size_t skip_name(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::size_t after = 0;
  for (std::size_t octets = 0; octets < kNameMax && at < bytes.size();) {
    const unsigned label = bytes[at];
    if (label >= 0xc0) {
      if (at + 1 >= bytes.size()) return 0;
      const std::size_t target = (label & 0x3fU) << 8U | bytes[at + 1];
      if (target >= at || target < kHeader) return 0;
      if (after == 0) after = at + 2;
      at = target;
      continue;
    }
    if (label > 63) return 0;
    if (label == 0) return after == 0 ? at + 1 : after;
    at += 1 + label;
    octets += 1 + label;
  }
  return 0;
}

/// The offset after the record at `at`, or 0.
std::size_t skip_record(std::span<const std::uint8_t> bytes, std::size_t at) {
  at = skip_name(bytes, at);
  if (at == 0 || bytes.size() - at < 10) return 0;
  const std::size_t size = load_be16(bytes.data() + at + 8);
  at += 10;
  return bytes.size() - at < size ? 0 : at + size;
}

}  // namespace

DnsMessage read_dns(std::span<const std::uint8_t> bytes) {
  DnsMessage out;
  if (bytes.size() < kHeader) return out;
  out.id = load_be16(bytes.data());
  out.flags = load_be16(bytes.data() + 2);
  out.questions = load_be16(bytes.data() + 4);
  std::size_t at = kHeader;
  for (unsigned i = 0; i < out.questions; ++i) {
    at = skip_name(bytes, at);
    if (at == 0 || bytes.size() - at < 4) return out;
    at += 4;
  }
  out.question_end = at;
  unsigned records = 0;
  for (const unsigned section : {6U, 8U, 10U}) records += load_be16(bytes.data() + section);
  for (unsigned i = 0; i < records; ++i) {
    at = skip_record(bytes, at);
    if (at == 0) return out;
  }
  out.well_formed = at == bytes.size();
  return out;
}

void check_dns_answer(std::span<const std::uint8_t> query, std::span<const std::uint8_t> answer) {
  constexpr std::uint16_t kOpcode = 0x7800, kClear = 0x00f0;
  const DnsMessage message = read_dns(answer);
  require(message.well_formed, "an answer is well-formed");
  require(query.size() >= kHeader, "only what has a header is answered");
  require(message.response(), "an answer has QR set");
  require((load_be16(query.data() + 2) & 0x8000) == 0, "only queries are answered");
  require(message.id == load_be16(query.data()), "an answer has the query's identification");
  require(((message.flags ^ load_be16(query.data() + 2)) & kOpcode) == 0, "the opcode is kept");
  require((message.flags & kClear) == 0, "RA, Z, AD and CD are clear");
  require(message.questions <= 1, "there is one question at most");
  if (message.questions == 0) return;
  require(message.question_end <= query.size() &&
              std::equal(query.begin() + kHeader,
                         query.begin() + static_cast<std::ptrdiff_t>(message.question_end),
                         answer.begin() + kHeader),
          "the question is the one that was asked");
}

}  // namespace sluice::fuzz
