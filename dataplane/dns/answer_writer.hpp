/// Writes the record sections of an answer: what follows the question in a message.
///
/// An answer is written as if the question were the node's own name. Where it also serves longer
/// questions (wildcards, names below a cut, a zone's negative answer), every compression pointer
/// but the one that means "the question" moves with the question's size: their places are kept.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/dns/zone/zone.hpp"

namespace sluice::dns {

enum class Section : std::uint8_t { answer, authority, additional };

inline constexpr std::size_t kHeaderSize = 12;   ///< of a message (RFC 1035 section 4.1.1)
inline constexpr std::size_t kQuestionTail = 4;  ///< type and class
inline constexpr std::size_t kOptSize = 11;      ///< OPT without options (RFC 6891)
inline constexpr std::uint16_t kMessageMax = 65535;
/// Most octets after the question: with the longest question and OPT it is a whole message.
inline constexpr std::size_t kAnswerMax =
    kMessageMax - kHeaderSize - 255 - kQuestionTail - kOptSize;

struct RenderedAnswer {
  std::string bytes;
  std::uint16_t required = 0;  ///< octets without additional records that may be left out
  std::array<std::uint16_t, 3> counts{};  ///< by Section
  std::uint16_t required_additional = 0;  ///< additional records within `required`
  std::uint8_t rcode = 0;
  bool authoritative = true;
  std::vector<std::uint16_t> moving;  ///< places of pointers that move with the question's size
};

class AnswerWriter {
 public:
  /// `question` is lowered. `synthesised`: it is a wildcard whose first label stands for others, so
  /// that no pointer may lead to it but an owner's.
  AnswerWriter(std::string_view question, bool synthesised);

  /// Writes a set. `owner_is_question`: the owner is whatever was asked. False: it does not fit,
  /// and nothing was written.
  [[nodiscard]] bool add(Section section, std::string_view owner, bool owner_is_question,
                         const RecordSet& set);
  /// As add, with another TTL (the SOA of a negative answer).
  [[nodiscard]] bool add(Section section, std::string_view owner, bool owner_is_question,
                         const RecordSet& set, std::uint32_t ttl);
  /// What is written from here on may be left out of an answer that would be truncated.
  void end_required();

  RenderedAnswer& answer() { return answer_; }

 private:
  void put16(std::size_t value);
  void put_name(std::string_view name);
  void put_rdata(std::uint16_t type, std::string_view rdata);
  std::size_t offset() const { return question_end_ + answer_.bytes.size(); }

  struct Known {
    std::string_view name;  ///< lowered, of owned_
    std::uint16_t offset;
  };
  RenderedAnswer answer_;
  std::deque<std::string> owned_;
  std::vector<Known> known_;  ///< names that a pointer may lead to
  std::size_t question_end_;
};

}  // namespace sluice::dns
