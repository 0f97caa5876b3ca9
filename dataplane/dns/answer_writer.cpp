#include "dataplane/dns/answer_writer.hpp"

#include <algorithm>

#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/rdata.hpp"

namespace sluice::dns {

namespace {

/// Names tried for compression; more would make large answers slow to write.
constexpr std::size_t kKnownMax = 64;
/// Highest target of a pointer (14 bits), less what a longer question may add.
constexpr std::size_t kPointerMax = 0x3fff - 255;
constexpr std::uint16_t kPointer = 0xc000;
constexpr std::uint16_t kQuestionPointer = kPointer | kHeaderSize;

}  // namespace

AnswerWriter::AnswerWriter(std::string_view question, bool synthesised)
    : question_end_(kHeaderSize + question.size() + kQuestionTail) {
  owned_.emplace_back(question);
  std::string_view name = owned_.back();
  if (synthesised) name = parent_of(name);
  for (; name.size() > 1 && known_.size() < kKnownMax; name = parent_of(name)) {
    known_.push_back(
        {name, static_cast<std::uint16_t>(kHeaderSize + question.size() - name.size())});
  }
}

bool AnswerWriter::add(Section section, std::string_view owner, bool owner_is_question,
                       const RecordSet& set) {
  return add(section, owner, owner_is_question, set, set.ttl);
}

bool AnswerWriter::add(Section section, std::string_view owner, bool owner_is_question,
                       const RecordSet& set, std::uint32_t ttl) {
  const std::size_t size_before = answer_.bytes.size();
  const std::size_t known_before = known_.size();
  const std::size_t moving_before = answer_.moving.size();
  for (const std::string& rdata : set.rdata) {
    if (owner_is_question) {
      put16(kQuestionPointer);
    } else {
      put_name(owner);
    }
    put16(set.type);
    put16(1);  // class IN
    put16(ttl >> 16);
    put16(ttl & 0xffff);
    put_rdata(set.type, rdata);
    if (answer_.bytes.size() > kAnswerMax) {
      answer_.bytes.resize(size_before);
      known_.resize(known_before);
      answer_.moving.resize(moving_before);
      return false;
    }
  }
  auto& count = answer_.counts[static_cast<std::size_t>(section)];
  count = static_cast<std::uint16_t>(count + set.rdata.size());
  return true;
}

void AnswerWriter::end_required() {
  answer_.required = static_cast<std::uint16_t>(answer_.bytes.size());
  answer_.required_additional = answer_.counts[static_cast<std::size_t>(Section::additional)];
}

void AnswerWriter::put16(std::size_t value) {
  answer_.bytes.push_back(static_cast<char>(value >> 8));
  answer_.bytes.push_back(static_cast<char>(value));
}

void AnswerWriter::put_name(std::string_view name) {
  owned_.push_back(lowered(name));
  std::string_view rest = owned_.back();
  while (rest.size() > 1) {
    const auto known =
        std::find_if(known_.begin(), known_.end(), [&](const Known& k) { return k.name == rest; });
    if (known != known_.end()) {
      answer_.moving.push_back(static_cast<std::uint16_t>(answer_.bytes.size()));
      put16(kPointer | known->offset);
      return;
    }
    if (known_.size() < kKnownMax && offset() <= kPointerMax) {
      known_.push_back({rest, static_cast<std::uint16_t>(offset())});
    }
    const std::size_t label = rest.size() - parent_of(rest).size();
    answer_.bytes += name.substr(name.size() - rest.size(), label);
    rest = parent_of(rest);
  }
  answer_.bytes.push_back('\0');
}

void AnswerWriter::put_rdata(std::uint16_t type, std::string_view rdata) {
  const std::size_t length_at = answer_.bytes.size();
  put16(0);
  const CompressibleNames names = compressible_names(type);
  answer_.bytes += rdata.substr(0, names.prefix);
  rdata.remove_prefix(names.prefix);
  for (unsigned i = 0; i < names.count; ++i) {
    const std::size_t size = name_size(rdata);
    put_name(rdata.substr(0, size));
    rdata.remove_prefix(size);
  }
  answer_.bytes += rdata;
  const std::size_t length = answer_.bytes.size() - length_at - 2;
  answer_.bytes[length_at] = static_cast<char>(length >> 8);
  answer_.bytes[length_at + 1] = static_cast<char>(length);
}

}  // namespace sluice::dns
