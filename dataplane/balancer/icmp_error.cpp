#include "dataplane/balancer/icmp_error.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/balancer/proxy_stream.hpp"
#include "dataplane/balancer/tcp_options.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/extension_headers.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice::balancer {
namespace {

constexpr unsigned kIcmpHeader = 8, kIpv4Header = 20, kIpv6Header = 40;
/// RFC 792 promises this much of the transport header: the ports, and UDP's checksum.
constexpr unsigned kTransportQuoted = 8;
constexpr unsigned kSequence = 4, kAcknowledgement = 8;  ///< offsets in a TCP header

/// Finds the transport header of the quoted IPv4 packet. False: there is none to use.
bool read_ipv4(std::uint8_t* ip, unsigned available, Quote& quote) {
  if (available < kIpv4Header || ip[0] >> 4U != 4) return false;
  const unsigned header = (ip[0] & 0xfU) * 4U;
  const unsigned total = std::min<unsigned>(load_be16(ip + 2), available);
  if (header < kIpv4Header || total < header + kTransportQuoted) return false;
  if ((load_be16(ip + 6) & 0x1fffU) != 0) return false;
  quote.key.source = IpAddress::from(ip + 12, 4);
  quote.key.destination = IpAddress::from(ip + 16, 4);
  quote.headers = {ip, ip + header, total - header, 4, ip[9]};
  return true;
}

bool read_ipv6(std::uint8_t* ip, unsigned available, Quote& quote) {
  if (available < kIpv6Header || ip[0] >> 4U != 6) return false;
  const unsigned total = std::min(kIpv6Header + load_be16(ip + 4), available);
  const ExtensionChain chain =
      walk_extension_headers(ip[6], {ip + kIpv6Header, std::size_t{total} - kIpv6Header});
  if (chain.reason != DropReason::none || chain.fragment_offset != 0) return false;
  const unsigned header = kIpv6Header + chain.size;
  if (total < header + kTransportQuoted) return false;
  quote.key.source = IpAddress::from(ip + 8, 16);
  quote.key.destination = IpAddress::from(ip + 24, 16);
  quote.headers = {ip, ip + header, total - header, 6, chain.protocol};
  return true;
}

/// Writes the outer address of one end; the ICMP checksum, which parse has verified, is computed
/// anew over what the error quotes now.
void finish(Packet& error, End end, const IpAddress& address) {
  readdress(error, end, address);
  store_be16(error.l4_bytes() + 2, l4_checksum(error));
}

/// A sequence number or acknowledgement of the quoted segment, with its checksum if it is there.
void set_number(const Headers& quoted, unsigned at, std::uint32_t number) {
  std::array<std::uint8_t, 4> before;
  std::memcpy(before.data(), quoted.l4 + at, before.size());
  store_be32(quoted.l4 + at, number);
  if (quoted.l4_available < kTcpChecksum + 2) return;
  std::uint8_t* checksum = quoted.l4 + kTcpChecksum;
  store_be16(checksum,
             checksum_update(load_be16(checksum), before, {quoted.l4 + at, before.size()}));
}

}  // namespace

std::optional<Quote> quote_at(std::uint8_t* ip, unsigned available, std::uint8_t ip_version) {
  Quote quote;
  const bool found =
      ip_version == 4 ? read_ipv4(ip, available, quote) : read_ipv6(ip, available, quote);
  if (!found || !has_ports(quote.headers.protocol)) return std::nullopt;
  quote.key.set_transport(quote.headers.protocol, load_be16(quote.headers.l4),
                          load_be16(quote.headers.l4 + 2));
  return quote;
}

std::optional<Quote> quote_of(Packet& error) {
  if (!error.has(packet_flag::kL4) || error.has(packet_flag::kFragment)) return std::nullopt;
  const unsigned start = error.l4 + kIcmpHeader;
  if (start > error.end) return std::nullopt;
  std::optional<Quote> quote = quote_at(error.data + start, error.end - start, error.ip_version);
  if (quote && quote->key.source != error.key.destination) return std::nullopt;
  return quote;
}

void restore_error(Packet& error, const Quote& quote, const IpAddress& service,
                   std::uint16_t port) {
  const bool by_backend = error.key.source == quote.key.destination;
  rewrite(quote.headers, End::destination, service, port);
  finish(error, End::source, by_backend ? service : error.key.source);
}

void translate_error(Packet& error, const Quote& quote, const IpAddress& backend,
                     std::uint16_t port) {
  rewrite(quote.headers, End::source, backend, port);
  finish(error, End::destination, backend);
}

void restore_error(Packet& error, const Quote& quote, const Flow& flow, const LocalEnd& end) {
  if (end.proxy != 0) {
    // The client believes errors about what it has under way.
    const std::uint32_t number = load_be32(quote.headers.l4 + kSequence);
    set_number(quote.headers, kSequence, client_number(number, end));
  }
  if (end.port != 0) {
    rewrite(quote.headers, End::source, flow.client, flow.client_port);
    readdress(error, End::destination, flow.client);
  }
  restore_error(error, quote, flow.service, flow.service_port);
}

void translate_error(Packet& error, const Quote& quote, const Flow& flow, const LocalEnd& end) {
  if (end.proxy != 0 && quote.headers.l4_available >= kAcknowledgement + 4) {
    const std::uint32_t number = load_be32(quote.headers.l4 + kAcknowledgement);
    set_number(quote.headers, kAcknowledgement, backend_number(number, end));
  }
  if (end.port != 0) {
    rewrite(quote.headers, End::destination, end.address, end.port);
    readdress(error, End::source, end.address);
  }
  translate_error(error, quote, flow.backend, flow.backend_port);
}

}  // namespace sluice::balancer
