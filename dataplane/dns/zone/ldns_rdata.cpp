#include "dataplane/dns/zone/ldns_rdata.hpp"

#include <cstdlib>
#include <utility>

#include <ldns/ldns.h>

#include "dataplane/dns/zone/ldns_key_rdata.hpp"
#include "dataplane/dns/zone/types.hpp"

namespace sluice::dns {

namespace {

struct Free {
  void operator()(char* p) const { std::free(p); }
  void operator()(ldns_buffer* p) const { ldns_buffer_free(p); }
  void operator()(ldns_rdf* p) const { ldns_rdf_deep_free(p); }
  void operator()(ldns_rr* p) const { ldns_rr_free(p); }
};

/// Bytes of a record before its rdata when the owner is the root: 1 + type 2 + class 2 + TTL 4 +
/// length 2.
constexpr std::size_t kBeforeRdata = 11;

}  // namespace

std::uint16_t type_from_text(std::string_view text) {
  return static_cast<std::uint16_t>(ldns_get_rr_type_by_name(std::string(text).c_str()));
}

std::string text_of_type(std::uint16_t type) {
  const std::unique_ptr<char, Free> text(ldns_rr_type2str(static_cast<ldns_rr_type>(type)));
  return text ? text.get() : "TYPE" + std::to_string(type);
}

struct RdataReader::State {
  std::unique_ptr<ldns_rdf, Free> origin;
  std::unique_ptr<ldns_buffer, Free> wire;
  std::string origin_name;
  std::string line;
};

RdataReader::RdataReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
RdataReader::RdataReader(RdataReader&&) noexcept = default;
RdataReader& RdataReader::operator=(RdataReader&&) noexcept = default;
RdataReader::~RdataReader() = default;

Result<RdataReader> RdataReader::create(std::string_view origin) {
  auto state = std::make_unique<State>();
  state->origin.reset(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin.size(), origin.data()));
  state->wire.reset(ldns_buffer_new(LDNS_MAX_PACKETLEN));
  state->origin_name = origin;
  if (!state->origin || !state->wire) return fail("out of memory while reading a zone");
  return RdataReader(std::move(state));
}

Result<std::string> RdataReader::read(std::uint16_t type,
                                      std::span<const std::string_view> tokens) {
  State& s = *state_;
  const bool generic = !tokens.empty() && tokens[0] == "\\#";  // RFC 3597 section 5
  if (type == type::kCert && !generic) return read_cert(tokens);
  if (type == type::kIpseckey && !generic) return read_ipseckey(tokens, s.origin_name);
  s.line = ". 0 IN " + text_of_type(type);
  for (const std::string_view token : tokens) (s.line += ' ') += token;

  ldns_rr* parsed = nullptr;
  const ldns_status status =
      ldns_rr_new_frm_str(&parsed, s.line.c_str(), 0, s.origin.get(), nullptr);
  const std::unique_ptr<ldns_rr, Free> rr(parsed);
  if (status != LDNS_STATUS_OK) {
    const char* why = ldns_get_errorstr_by_id(status);
    return fail(why != nullptr ? why : "it cannot be read");
  }
  ldns_buffer_clear(s.wire.get());
  if (ldns_rr2buffer_wire(s.wire.get(), rr.get(), LDNS_SECTION_ANSWER) != LDNS_STATUS_OK) {
    return fail("it has more than 65535 octets");
  }
  const std::size_t size = ldns_buffer_position(s.wire.get());
  if (size < kBeforeRdata || size - kBeforeRdata > 0xffff) {
    return fail("it has more than 65535 octets");
  }
  const auto* bytes = reinterpret_cast<const char*>(ldns_buffer_at(s.wire.get(), kBeforeRdata));
  return std::string(bytes, size - kBeforeRdata);
}

}  // namespace sluice::dns
