#include "dataplane/dns/inspect.hpp"

#include "dataplane/dns/answer_writer.hpp"
#include "dataplane/dns/query.hpp"
#include "dataplane/dns/respond.hpp"
#include "dataplane/dns/zone/ldns_rdata.hpp"
#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/types.hpp"
#include "dataplane/dns/zone_set.hpp"
#include "dataplane/packet/bytes.hpp"

namespace sluice::dns {
namespace {

std::string text_of_rcode(std::uint16_t rcode) {
  switch (rcode) {
    case rcode::kNoError:
      return "NOERROR";
    case rcode::kFormErr:
      return "FORMERR";
    case rcode::kServFail:
      return "SERVFAIL";
    case rcode::kNxDomain:
      return "NXDOMAIN";
    case rcode::kNotImp:
      return "NOTIMP";
    case rcode::kRefused:
      return "REFUSED";
    case rcode::kBadVers:
      return "BADVERS";
    default:
      return "RCODE" + std::to_string(rcode);
  }
}

std::string explain_name(const ZoneSet& zones, const Query& query, std::string_view asked) {
  NameBuffer name;
  lower_name(reinterpret_cast<const std::uint8_t*>(asked.data()), query.name_size, query.name_size,
             name);
  const auto found = zones.find(name, query.name_size, zones.hash(name, query.name_size));
  const Choice choice = choose(zones, query, found);
  if (choice.answer == nullptr) return "of no zone here, REFUSED";
  const Answer answer = ZoneSet::load_answer(choice.answer);
  // The zone's origin is the end of every name in it.
  const std::string_view origin = asked.substr(asked.size() - zones.zone(choice.zone).origin_size);
  std::string text = "zone " + text_of(origin) + ", " + text_of_rcode(choice.rcode);
  if (choice.rcode == rcode::kNoError && answer.answers == 0)
    text += answer.authoritative ? ", no such record" : ", delegated";
  return text;
}

}  // namespace

Result<std::vector<std::uint8_t>> make_query(std::string_view name, std::string_view type) {
  const auto wire = name_from_text(name, std::string_view("\0", 1));
  if (!wire) return tl::unexpected(wire.error());
  const std::uint16_t number = type_from_text(type);
  if (number == 0)
    return fail("'" + std::string(type) + "' is no record type", "query", "use AAAA");
  std::vector<std::uint8_t> query(kHeaderSize + wire->size() + 4);
  query[5] = 1;  // one question
  std::copy(wire->begin(), wire->end(), query.begin() + kHeaderSize);
  store_be16(query.data() + query.size() - 4, number);
  store_be16(query.data() + query.size() - 2, kClassIn);
  return query;
}

std::string explain(const ZoneSet& zones, std::span<const std::uint8_t> message) {
  const Query query = read_query(message);
  if (query.fate == QueryFate::discard) return "no query";
  if (query.fate == QueryFate::error) return text_of_rcode(query.rcode);
  const std::string_view name(reinterpret_cast<const char*>(message.data() + kHeaderSize),
                              query.name_size);
  return text_of(name) + " " + text_of_type(query.type) + ": " + explain_name(zones, query, name);
}

std::string any_origin(const ZoneSet& zones) {
  for (const NamedCounter& counter : zones.counters())
    if (!counter.zone.empty()) return counter.zone;
  return ".";
}

}  // namespace sluice::dns
