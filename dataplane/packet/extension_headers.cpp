#include "dataplane/packet/extension_headers.hpp"

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/parse.hpp"

namespace sluice {
namespace {

constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                       kDestinationOptions = 60;

bool is_extension(std::uint8_t header) {
  return header == kHopByHop || header == kRouting || header == kFragment ||
         header == kAuthentication || header == kDestinationOptions;
}

/// Bytes of an extension header, by its own length field.
std::size_t size_of(std::uint8_t header, std::uint8_t length_field) {
  if (header == kFragment) return 8;
  if (header == kAuthentication) return (std::size_t{length_field} + 2) * 4;  // RFC 4302 2.2
  return (std::size_t{length_field} + 1) * 8;
}

/// Hop-by-hop options stand first or not at all; destination options may come twice, the rest once
/// (RFC 8200 section 4.1).
class OrderCheck {
 public:
  [[nodiscard]] bool accept(std::uint8_t header, bool at_start) {
    if (header == kHopByHop) return at_start;
    if (header == kDestinationOptions) return ++destination_options_ <= 2;
    bool& seen = header == kRouting ? routing_ : header == kFragment ? fragment_ : authentication_;
    if (seen) return false;
    seen = true;
    return true;
  }

 private:
  unsigned destination_options_ = 0;
  bool routing_ = false;
  bool fragment_ = false;
  bool authentication_ = false;
};

/// What a header that ends too early means: RFC 7112 forbids a first fragment without its chain.
DropReason truncated(const ExtensionChain& chain) {
  return chain.fragment ? DropReason::fragment_overlap : DropReason::ip_header_malformed;
}

}  // namespace

ExtensionChain walk_extension_headers(std::uint8_t first,
                                      std::span<const std::uint8_t> after_header) {
  ExtensionChain chain;
  chain.protocol = first;
  const auto failed = [&chain](DropReason reason) {
    chain.reason = reason;
    return chain;
  };
  OrderCheck order;
  std::size_t at = 0;
  for (unsigned headers = 0; is_extension(chain.protocol); ++headers) {
    const std::uint8_t header = chain.protocol;
    if (headers == kExtensionHeadersMax || !order.accept(header, headers == 0))
      return failed(DropReason::ip6_extension_limit);
    if (after_header.size() - at < 8) return failed(truncated(chain));
    const std::uint8_t* bytes = after_header.data() + at;
    const std::size_t size = size_of(header, bytes[1]);
    if (at + size > kExtensionBytesMax) return failed(DropReason::ip6_extension_limit);
    if (after_header.size() - at < size) return failed(truncated(chain));
    at += size;
    chain.size = static_cast<std::uint16_t>(at);
    chain.protocol = bytes[0];
    if (header == kRouting) {
      if (bytes[2] == 0) return failed(DropReason::ip_source_route);  // RFC 5095
      chain.rerouted = bytes[3] != 0;
    } else if (header == kFragment) {
      const std::uint16_t field = load_be16(bytes + 2);
      chain.fragment_offset = field & 0xfff8U;
      chain.more_fragments = (field & 1U) != 0;
      chain.fragment = chain.more_fragments || chain.fragment_offset != 0;
      if (chain.fragment_offset != 0) return chain;
    }
  }
  return chain;
}

}  // namespace sluice
