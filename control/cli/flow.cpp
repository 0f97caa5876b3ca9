#include "control/cli/flow.hpp"

#include <charconv>

#include "control/model/format.hpp"
#include "dataplane/packet/address.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice::cli {
namespace {

struct Endpoint {
  IpAddress address;
  std::uint32_t port = 0;
};

/// "198.18.0.2:5000" or "[2001:2::2]:5000".
Result<Endpoint> with_port(const std::string& text) {
  const auto socket = model::parse_socket(text);
  const auto address = socket ? IpAddress::parse(socket->address)
                              : Result<IpAddress>(tl::unexpected(socket.error()));
  if (!address)
    return fail(model::quoted(text) + " is no address with a port", {},
                "write 198.18.0.2:5000 or [2001:2::2]:5000");
  return Endpoint{*address, socket->port};
}

Result<Endpoint> without_port(const std::string& text, const std::string& protocol) {
  const auto address = IpAddress::parse(text);
  if (address) return Endpoint{*address, 0};
  return fail(model::quoted(text) + " is no address", {},
              "write 198.18.0.2 or 2001:2::2: " + protocol + " has no ports");
}

constexpr std::pair<std::string_view, std::uint8_t> kFlags[] = {
    {"fin", 1}, {"syn", 2}, {"rst", 4}, {"psh", 8}, {"ack", 16}, {"urg", 32}};

}  // namespace

Result<v1::WhyQuery> parse_flow(const std::vector<std::string>& words) {
  if (words.size() != 3)
    return fail("a flow has three parts", {}, "write udp 198.18.0.2:5000 198.18.100.53:53");
  const auto protocol = protocol_by_name(words[0]);
  if (!protocol) return tl::unexpected(protocol.error());
  const auto endpoint = [&](const std::string& text) {
    return has_ports(*protocol) ? with_port(text) : without_port(text, words[0]);
  };
  const auto source = endpoint(words[1]);
  if (!source) return tl::unexpected(source.error());
  const auto destination = endpoint(words[2]);
  if (!destination) return tl::unexpected(destination.error());
  if (source->address.is_v4() != destination->address.is_v4())
    return fail("one address is IPv4 and the other IPv6", {}, "use two of one family");
  v1::WhyQuery query;
  query.set_protocol(words[0]);
  query.set_source(source->address.text());
  query.set_source_port(source->port);
  query.set_destination(destination->address.text());
  query.set_destination_port(destination->port);
  return query;
}

Result<std::uint8_t> parse_tcp_flags(const std::string& text) {
  std::uint8_t flags = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string_view word = std::string_view(text).substr(at, end - at);
    std::uint8_t flag = 0;
    for (const auto& [name, bit] : kFlags) flag = name == word ? bit : flag;
    if (flag == 0)
      return fail(model::quoted(word) + " is no TCP flag", {},
                  "use fin, syn, rst, psh, ack and urg, as in syn,ack");
    flags = static_cast<std::uint8_t>(flags | flag);
    at = end + 1;
  }
  return flags;
}

}  // namespace sluice::cli
