#include "control/health/dns_message.hpp"

#include <algorithm>
#include <cctype>
#include <memory>

#include <ldns/ldns.h>

#include "dataplane/packet/address.hpp"

namespace sluice::health {
namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::uint16_t kClassIn = 1;

std::uint16_t number_of(v1::DnsCheck::Type type) {
  switch (type) {
    case v1::DnsCheck::AAAA:
      return LDNS_RR_TYPE_AAAA;
    case v1::DnsCheck::CNAME:
      return LDNS_RR_TYPE_CNAME;
    case v1::DnsCheck::MX:
      return LDNS_RR_TYPE_MX;
    case v1::DnsCheck::NS:
      return LDNS_RR_TYPE_NS;
    case v1::DnsCheck::PTR:
      return LDNS_RR_TYPE_PTR;
    case v1::DnsCheck::SOA:
      return LDNS_RR_TYPE_SOA;
    case v1::DnsCheck::SRV:
      return LDNS_RR_TYPE_SRV;
    case v1::DnsCheck::TXT:
      return LDNS_RR_TYPE_TXT;
    default:
      return LDNS_RR_TYPE_A;
  }
}

void put16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// The reply is one to this query (RFC 5452 section 9.1); names are compared without case.
bool is_reply_to(std::string_view query, std::string_view reply) {
  const std::string_view question = query.substr(kHeaderSize);
  return reply.size() >= query.size() && reply.substr(0, 2) == query.substr(0, 2) &&
         (byte_at(reply, 2) & 0xf8) == 0x80 &&  // a response, of opcode QUERY
         reply.substr(4, 2) == query.substr(4, 2) &&
         lower(reply.substr(kHeaderSize, question.size())) == lower(question);
}

std::string rcode_name(unsigned rcode) {
  constexpr unsigned kNamed = v1::DnsCheck::Rcode_MAX;
  if (rcode > kNamed) return "response code " + std::to_string(rcode);
  return v1::DnsCheck::Rcode_Name(static_cast<v1::DnsCheck::Rcode>(rcode));
}

struct Free {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
  void operator()(char* text) const { std::free(text); }  // NOLINT: ldns takes it from malloc
};

/// The data of a record as in a zone file, without case; of texts without the quotes.
std::string data_of(const ldns_rr* record) {
  std::string out;
  for (std::size_t i = 0; i < ldns_rr_rd_count(record); ++i) {
    const std::unique_ptr<char, Free> text(ldns_rdf2str(ldns_rr_rdf(record, i)));
    if (text != nullptr) out += (out.empty() ? "" : " ") + std::string(text.get());
  }
  return lower(out);
}

/// How an expected answer is compared: an address as such, other data without case, quotes or the
/// final dot of a name.
std::string comparable(const v1::DnsCheck& check, std::string data) {
  if (check.type() == v1::DnsCheck::A || check.type() == v1::DnsCheck::AAAA) {
    const auto address = IpAddress::parse(data);
    return address ? address->text() : data;
  }
  std::erase(data, '"');
  if (!data.empty() && data.back() == '.') data.pop_back();
  return lower(data);
}

Outcome judge_answer(const v1::DnsCheck& check, std::string_view reply) {
  ldns_pkt* read = nullptr;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(reply.data());
  if (ldns_wire2pkt(&read, bytes, reply.size()) != LDNS_STATUS_OK) {
    return Outcome::fail("the reply is malformed");
  }
  const std::unique_ptr<ldns_pkt, Free> packet(read);
  const ldns_rr_list* answer = ldns_pkt_answer(packet.get());
  const std::string wanted = comparable(check, check.answer());
  const std::size_t count = answer == nullptr ? 0 : ldns_rr_list_rr_count(answer);
  for (std::size_t i = 0; i < count; ++i) {
    const ldns_rr* record = ldns_rr_list_rr(answer, i);
    if (ldns_rr_get_type(record) != number_of(check.type())) continue;
    if (comparable(check, data_of(record)) == wanted) return Outcome::pass("NOERROR, as expected");
  }
  return Outcome::fail("the answer is without " + check.answer());
}

}  // namespace

std::string dns_query(const v1::DnsCheck& check, std::uint16_t id) {
  std::string out;
  put16(out, id);
  put16(out, 0x0100);  // RD: a resolver that is checked shall resolve
  put16(out, 1);       // one question; no records
  for (int section = 0; section < 3; ++section) put16(out, 0);
  std::string_view rest = check.name();
  while (!rest.empty() && rest != ".") {
    const std::string_view label = rest.substr(0, rest.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    rest.remove_prefix(std::min(rest.size(), label.size() + 1));
  }
  out += '\0';
  put16(out, number_of(check.type()));
  put16(out, kClassIn);
  return out;
}

std::optional<Outcome> judge_dns(const v1::DnsCheck& check, std::string_view query,
                                 std::string_view reply) {
  if (!is_reply_to(query, reply)) return std::nullopt;
  const unsigned rcode = byte_at(reply, 3) & 0x0f;
  if (rcode != static_cast<unsigned>(check.rcode())) return Outcome::fail(rcode_name(rcode));
  if (check.answer().empty()) return Outcome::pass(rcode_name(rcode));
  return judge_answer(check, reply);
}

}  // namespace sluice::health
