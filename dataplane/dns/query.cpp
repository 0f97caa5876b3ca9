#include "dataplane/dns/query.hpp"

#include <algorithm>

#include "dataplane/dns/answer_writer.hpp"
#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/types.hpp"
#include "dataplane/packet/bytes.hpp"

namespace sluice::dns {

namespace {

constexpr std::uint8_t kResponseBit = 0x80;
constexpr std::uint8_t kOpcodeBits = 0x78;

Query error(Query query, std::uint16_t rcode) {
  query.fate = QueryFate::error;
  query.rcode = rcode;
  return query;
}

/// Size of the uncompressed name at `at`, or 0: a pointer, a label type, past 255 or the end.
std::size_t question_name_size(std::span<const std::uint8_t> message) {
  const std::size_t end = std::min(message.size(), kHeaderSize + kNameMax);
  std::size_t at = kHeaderSize;
  while (at < end) {
    const std::uint8_t label = message[at];
    if (label == 0) return at + 1 - kHeaderSize;
    if (label > kLabelMax) return 0;
    at += 1U + label;
  }
  return 0;
}

/// Skips the owner of a record, which may end with a pointer. Leaves the reader failed if it is not
/// whole.
void skip_owner(ByteReader& reader) {
  for (unsigned octets = 0; reader.ok() && octets <= kNameMax;) {
    const std::uint8_t label = reader.u8();
    if (label == 0) return;
    if (label >= 0xc0) return reader.skip(1);
    if (label > kLabelMax) break;
    reader.skip(label);
    octets += 1U + label;
  }
  reader.skip(reader.left() + 1);
}

/// Options are not looked into, but they must fill their OPT exactly.
bool options_whole(std::span<const std::uint8_t> options) {
  ByteReader reader(options);
  while (reader.ok() && reader.left() != 0) {
    reader.skip(2);
    reader.skip(reader.u16());
  }
  return reader.ok();
}

/// The records after the question. False: malformed.
bool read_additional(ByteReader& reader, unsigned count, Query& query, std::uint8_t& version) {
  if (count > kRecordsMax) return false;
  for (unsigned i = 0; i < count; ++i) {
    const std::size_t owner_at = reader.offset();
    skip_owner(reader);
    const bool root_owner = reader.offset() == owner_at + 1;
    const std::uint16_t type = reader.u16();
    const std::uint16_t klass = reader.u16();
    const std::uint32_t ttl = reader.u32();
    const auto rdata = reader.take(reader.u16());
    if (!reader.ok()) return false;
    if (type != type::kOpt) continue;
    if (query.has_edns || !root_owner || !options_whole(rdata)) return false;
    query.has_edns = true;
    query.payload = std::max<std::uint16_t>(klass, 512);
    query.dnssec_ok = (ttl & 0x8000) != 0;
    version = static_cast<std::uint8_t>(ttl >> 16);
  }
  return true;
}

}  // namespace

std::uint16_t Query::question_end() const {
  return static_cast<std::uint16_t>(has_question ? kHeaderSize + name_size + kQuestionTail
                                                 : kHeaderSize);
}

Query read_query(std::span<const std::uint8_t> message) {
  Query query;
  if (message.size() < kHeaderSize || (message[2] & kResponseBit) != 0) return query;
  if ((message[2] & kOpcodeBits) != 0) return error(query, rcode::kNotImp);
  const std::uint8_t* header = message.data();
  const bool one_question =
      load_be16(header + 4) == 1 && load_be16(header + 6) == 0 && load_be16(header + 8) == 0;
  const std::size_t name_size = one_question ? question_name_size(message) : 0;
  if (name_size == 0 || message.size() < kHeaderSize + name_size + kQuestionTail) {
    return error(query, rcode::kFormErr);
  }
  const std::uint8_t* tail = header + kHeaderSize + name_size;
  const std::uint16_t type = load_be16(tail);
  const std::uint16_t klass = load_be16(tail + 2);

  std::uint8_t version = 0;
  if (const std::uint16_t records = load_be16(header + 10); records != 0) {
    ByteReader reader(message.subspan(kHeaderSize + name_size + kQuestionTail));
    if (!read_additional(reader, records, query, version)) {
      return error(Query{}, rcode::kFormErr);
    }
  }
  query.name_size = static_cast<std::uint8_t>(name_size);
  query.has_question = true;
  query.type = type;
  if (version != 0) return error(query, rcode::kBadVers);
  // Transfers are not offered; other classes are other name spaces.
  if (type == type::kAxfr) return error(query, rcode::kNotImp);
  if (type == type::kIxfr || (klass != kClassIn && klass != kClassAny)) {
    return error(query, rcode::kRefused);
  }
  query.fate = QueryFate::look_up;
  return query;
}

}  // namespace sluice::dns
