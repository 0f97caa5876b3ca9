#include "dataplane/dns/zone/ldns_key_rdata.hpp"

#include <charconv>
#include <memory>
#include <optional>

#include <ldns/ldns.h>

#include "dataplane/dns/zone/name.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::dns {

namespace {

constexpr unsigned kOctetMax = 0xff, kShortMax = 0xffff;

struct Free {
  void operator()(ldns_rdf* p) const { ldns_rdf_deep_free(p); }
};

std::optional<unsigned> number_from_text(std::string_view text, unsigned max) {
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || after != end || number > max) return std::nullopt;
  return number;
}

/// A number, or its mnemonic of the registry.
std::optional<unsigned> code_from_text(std::string_view text, unsigned max,
                                       ldns_lookup_table* registry) {
  if (const auto number = number_from_text(text, max)) return number;
  const auto* entry = ldns_lookup_by_name(registry, std::string(text).c_str());
  return entry != nullptr ? std::optional(static_cast<unsigned>(entry->id)) : std::nullopt;
}

/// Base64 may be broken into several tokens (RFC 4398 section 2.2, RFC 4025 section 3.1).
Result<std::string> base64(std::span<const std::string_view> tokens) {
  std::string text;
  for (const std::string_view token : tokens) text += token;
  ldns_rdf* read = nullptr;
  const ldns_status status = ldns_str2rdf_b64(&read, text.c_str());
  const std::unique_ptr<ldns_rdf, Free> rdf(read);
  if (status != LDNS_STATUS_OK) return fail("'" + text + "' is not base64");
  return std::string(reinterpret_cast<const char*>(ldns_rdf_data(rdf.get())),
                     ldns_rdf_size(rdf.get()));
}

void put8(std::string& wire, unsigned value) {
  wire += static_cast<char>(value);
}

void put16(std::string& wire, unsigned value) {
  put8(wire, value >> 8U);
  put8(wire, value & kOctetMax);
}

Result<std::string> address(std::string_view text, bool v6) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed || parsed->is_v4() == v6) {
    return fail("the gateway '" + std::string(text) + "' is not an IPv" + (v6 ? "6" : "4") +
                " address");
  }
  return std::string(reinterpret_cast<const char*>(parsed->network()), parsed->network_size());
}

/// RFC 4025 section 2.3: none, an IPv4 address, an IPv6 address, a name.
Result<std::string> gateway(unsigned type, std::string_view text, std::string_view origin) {
  switch (type) {
    case 0:
      if (text != ".") return fail("gateway type 0 has '.' as its gateway");
      return std::string();
    case 1:
      return address(text, false);
    case 2:
      return address(text, true);
    default:
      return name_from_text(text, origin);
  }
}

}  // namespace

Result<std::string> read_cert(std::span<const std::string_view> tokens) {
  if (tokens.size() < 4) return fail("it is: type, key tag, algorithm, certificate");
  const auto type = code_from_text(tokens[0], kShortMax, ldns_cert_algorithms);
  if (!type) return fail("'" + std::string(tokens[0]) + "' is not a type of certificates");
  const auto key_tag = number_from_text(tokens[1], kShortMax);
  if (!key_tag) return fail("'" + std::string(tokens[1]) + "' is not a key tag");
  const auto algorithm = code_from_text(tokens[2], kOctetMax, ldns_algorithms);
  if (!algorithm) return fail("'" + std::string(tokens[2]) + "' is not an algorithm");
  const auto certificate = base64(tokens.subspan(3));
  if (!certificate) return tl::unexpected(certificate.error());
  std::string wire;
  put16(wire, *type);
  put16(wire, *key_tag);
  put8(wire, *algorithm);
  return wire + *certificate;
}

Result<std::string> read_ipseckey(std::span<const std::string_view> tokens,
                                  std::string_view origin) {
  if (tokens.size() < 4) return fail("it is: precedence, gateway type, algorithm, gateway, key");
  const auto precedence = number_from_text(tokens[0], kOctetMax);
  const auto gateway_type = number_from_text(tokens[1], 3);
  const auto algorithm = number_from_text(tokens[2], kOctetMax);
  if (!precedence || !gateway_type || !algorithm) {
    return fail("precedence and algorithm are 0 to 255, the gateway type is 0 to 3");
  }
  const auto to = gateway(*gateway_type, tokens[3], origin);
  if (!to) return tl::unexpected(to.error());
  // Without a key the algorithm is 0, and the other way round (RFC 4025 section 2.4).
  if ((tokens.size() == 4) != (*algorithm == 0)) return fail("algorithm 0 goes with no key");
  const auto key = tokens.size() == 4 ? std::string() : base64(tokens.subspan(4));
  if (!key) return tl::unexpected(key.error());
  std::string wire;
  put8(wire, *precedence);
  put8(wire, *gateway_type);
  put8(wire, *algorithm);
  return wire + *to + *key;
}

}  // namespace sluice::dns
