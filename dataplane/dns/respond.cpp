#include "dataplane/dns/respond.hpp"

#include <cstring>

#include "dataplane/dns/answer_writer.hpp"
#include "dataplane/dns/zone/types.hpp"
#include "dataplane/packet/bytes.hpp"

namespace sluice::dns {

namespace {

constexpr std::uint8_t kQr = 0x80, kOpcode = 0x78, kAa = 0x04, kTc = 0x02, kRd = 0x01;

struct Counts {
  std::uint16_t question, answer, authority, additional;
};

/// QR set, opcode and RD kept; RA, Z, AD and CD clear (RFC 4035 section 3.1.6).
void patch_header(std::uint8_t* message, std::uint8_t flags, std::uint16_t rcode,
                  const Counts& counts) {
  message[2] = static_cast<std::uint8_t>((message[2] & (kOpcode | kRd)) | kQr | flags);
  message[3] = static_cast<std::uint8_t>(rcode & 0xf);
  store_be16(message + 4, counts.question);
  store_be16(message + 6, counts.answer);
  store_be16(message + 8, counts.authority);
  store_be16(message + 10, counts.additional);
}

/// OPT of ours (RFC 6891 section 6.1.2): no options, DO as it came (RFC 3225 section 3).
void put_opt(std::uint8_t* at, const Query& query, std::uint16_t rcode,
             std::uint16_t udp_size_max) {
  at[0] = 0;
  store_be16(at + 1, type::kOpt);
  store_be16(at + 3, udp_size_max);
  at[5] = static_cast<std::uint8_t>(rcode >> 4);
  at[6] = 0;  // version
  store_be16(at + 7, query.dnssec_ok ? 0x8000 : 0);
  store_be16(at + 9, 0);
}

/// Pointers into the message move with the question, which is longer than the one of the template.
void move_pointers(std::uint8_t* records, const std::uint8_t* places, unsigned count,
                   std::size_t written, unsigned by) {
  for (unsigned i = 0; i < count; ++i) {
    std::uint16_t place;
    std::memcpy(&place, places + i * sizeof place, sizeof place);
    if (place >= written) return;
    store_be16(records + place, static_cast<std::uint16_t>(load_be16(records + place) + by));
  }
}

void count_error(const ZoneSet& zones, std::uint16_t rcode, CounterBlock* slots, std::size_t size) {
  if (slots == nullptr) return;
  const ServerSlots& server = zones.server_slots();
  const Slot slot = rcode == rcode::kFormErr   ? server.formerr
                    : rcode == rcode::kNotImp  ? server.notimp
                    : rcode == rcode::kBadVers ? server.badvers
                                               : server.refused;
  slots->add(slot, size);
}

}  // namespace

Choice choose(const ZoneSet& zones, const Query& query, ZoneSet::Found found) {
  const std::uint8_t* node = found.node;
  bool exact = found.exact;
  Node head = ZoneSet::load_node(node);
  if (head.kind == NodeKind::outside) return {};
  if (exact && query.type == type::kDs && head.parent_side != 0) {
    node = zones.node_at(head.parent_side);
    head = ZoneSet::load_node(node);
    exact = head.name_size == query.name_size;
  }
  if (!exact && head.kind == NodeKind::name) {
    if (head.link == 0) {  // the name does not exist
      const ServedZone& zone = zones.zone(head.zone);
      return {zone.negative, rcode::kNxDomain, zone.origin_size, head.zone};
    }
    node = zones.node_at(head.link);
    head = ZoneSet::load_node(node);
  }
  // Below a cut DS is referred like any other type.
  const std::uint32_t offset = head.kind == NodeKind::cut && !exact
                                   ? head.otherwise
                                   : ZoneSet::answer_for(node, head, query.type);
  if (offset == 0) {
    const ServedZone& zone = zones.zone(head.zone);
    return {zone.negative, rcode::kNoError, zone.origin_size, head.zone};
  }
  const std::uint8_t* answer = node + offset;
  return {answer, ZoneSet::load_answer(answer).rcode, head.name_size, head.zone};
}

std::size_t respond(const ZoneSet& zones, const Query& query, const Choice& choice,
                    std::uint8_t* message, std::size_t query_size, const AnswerLimits& limits,
                    CounterBlock* slots) {
  if (choice.answer == nullptr) {
    return respond_error(zones, query, rcode::kRefused, message, limits, slots);
  }
  const Answer head = ZoneSet::load_answer(choice.answer);
  const std::size_t records_at = query.question_end();
  const std::size_t opt_size = query.has_edns ? kOptSize : 0;
  const std::size_t room = limits.size - records_at - opt_size;

  std::size_t size = head.size;
  std::uint16_t additionals = head.additionals;
  if (size > room) {  // what is only a help goes first
    size = head.required;
    additionals = head.required_additionals;
  }
  const auto opts = static_cast<std::uint16_t>(query.has_edns ? 1 : 0);
  std::uint8_t flags = head.authoritative ? kAa : 0;
  if (size > room) {
    size = 0;
    flags |= kTc;
    patch_header(message, flags, choice.rcode, {1, 0, 0, opts});
    if (slots != nullptr) slots->add(zones.server_slots().truncated, 0);
  } else {
    std::uint8_t* records = message + records_at;
    const std::uint8_t* bytes = choice.answer + sizeof(Answer);
    std::memcpy(records, bytes, size);
    if (const unsigned by = query.name_size - choice.asked_for; by != 0) {
      move_pointers(records, bytes + head.size, head.moving, size, by);
    }
    patch_header(
        message, flags, choice.rcode,
        {1, head.answers, head.authorities, static_cast<std::uint16_t>(additionals + opts)});
  }
  if (query.has_edns) {
    put_opt(message + records_at + size, query, choice.rcode, limits.udp_size_max);
  }
  const std::size_t total = records_at + size + opt_size;
  if (slots != nullptr) {
    const ServedZone& zone = zones.zone(choice.zone);
    slots->add(zone.queries, query_size);
    slots->add(choice.rcode == rcode::kNxDomain ? zone.nxdomain : zone.noerror, total);
  }
  return total;
}

std::size_t respond_error(const ZoneSet& zones, const Query& query, std::uint16_t rcode,
                          std::uint8_t* message, const AnswerLimits& limits, CounterBlock* slots) {
  const auto opts = static_cast<std::uint16_t>(query.has_edns ? 1 : 0);
  patch_header(message, 0, rcode,
               {static_cast<std::uint16_t>(query.has_question ? 1 : 0), 0, 0, opts});
  std::size_t size = query.question_end();
  if (query.has_edns) {
    put_opt(message + size, query, rcode, limits.udp_size_max);
    size += kOptSize;
  }
  count_error(zones, rcode, slots, size);
  return size;
}

}  // namespace sluice::dns
