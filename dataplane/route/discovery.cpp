#include <optional>

#include "dataplane/route/ethernet.hpp"
#include "dataplane/route/frame.hpp"
#include "dataplane/route/resolve.hpp"

namespace sluice::route {
namespace {

/// The link-layer address options of a message.
struct Options {
  std::optional<MacAddress> source;
  std::optional<MacAddress> target;
};

/// Empty: an option of length 0 or past the end, for which the whole message is discarded.
std::optional<Options> read_options(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kUnit = 8;
  Options options;
  ByteReader reader(bytes);
  while (reader.left() != 0) {
    const std::uint8_t type = reader.u8();
    const std::size_t size = reader.u8() * kUnit;
    if (size == 0) return std::nullopt;
    const auto value = reader.take(size - 2);
    if (!reader.ok()) return std::nullopt;
    const MacAddress mac = mac_at(value.data());
    if (type != nd::kSourceLinkAddress && type != nd::kTargetLinkAddress) continue;
    if (mac.is_group() || mac == MacAddress{}) return std::nullopt;
    (type == nd::kSourceLinkAddress ? options.source : options.target) = mac;
  }
  return options;
}

/// One message and what its handling needs.
struct Message {
  Context& context;
  const Table& table;
  Neighbours& neighbours;
  Packet& packet;
  Options options;

  [[nodiscard]] const std::uint8_t* bytes() const { return packet.l4_bytes(); }
  [[nodiscard]] const IpAddress& source() const { return packet.key.source; }
  [[nodiscard]] IpAddress target() const { return IpAddress::from(bytes() + 8, 16); }
  [[nodiscard]] bool from_host() const { return packet.in_port == table.host_port(); }

  void observe(const IpAddress& address, const MacAddress& mac, Evidence evidence) const {
    if (from_host() || !table.on_link(packet.in_port, address) || table.is_ours(address)) return;
    neighbours.observe(
        context, table,
        {.address = address, .mac = mac, .port = packet.in_port, .evidence = evidence});
  }
};

std::size_t least_size(std::uint8_t type) {
  switch (type) {
    case nd::kRouterSolicitation:
      return 8;
    case nd::kRouterAdvertisement:
      return 16;
    case nd::kRedirect:
      return 40;
    default:
      return 24;
  }
}

/// Makes the advertisement of `target` in place: RFC 4861 section 7.2.4.
Outcome advertise(const Message& m, const IpAddress& target) {
  Packet& p = m.packet;
  constexpr unsigned kSize = 24 + 8;
  if (p.room < p.l3 + kIpv6Size + kSize) return dropped(DropReason::no_buffer);
  const bool probe = m.source().is_unspecified();  // duplicate address detection: RFC 4862
  IpAddress to = m.source();
  if (probe) {
    to = IpAddress{};
    to.bytes[0] = 0xff;
    to.bytes[1] = 2;
    to.bytes[15] = 1;  // all nodes
  }
  turn_around(m.table, p);
  if (probe) set_ether(p.data, multicast_mac(to), our_mac(m.table, p.in_port));
  std::uint8_t* message = start_icmp6(p, target, to, kSize);
  message[0] = nd::kNeighbourAdvertisement;
  message[4] = nd::kRouterFlag | nd::kOverrideFlag | (probe ? 0 : nd::kSolicitedFlag);
  std::memcpy(message + 8, target.bytes.data(), 16);
  write_link_address(message + 24, nd::kTargetLinkAddress, our_mac(m.table, p.in_port));
  finish_icmp6(p);
  return answered();
}

/// The host's stack sees the whole world behind us; its own addresses are ours, and while it makes
/// sure that nobody else has them it must hear nothing.
Outcome answer_host(const Message& m) {
  const IpAddress target = m.target();
  if (m.source().is_unspecified() || m.table.is_ours(target)) return {};
  return advertise(m, target);
}

/// RFC 4861 section 7.1.1 and 7.2.3.
Outcome on_solicitation(const Message& m) {
  const IpAddress target = m.target();
  if (target.is_multicast()) return dropped(DropReason::nd_malformed);
  if (m.source().is_unspecified()) {
    if (m.packet.key.destination != solicited_node(target) || m.options.source)
      return dropped(DropReason::nd_malformed);
  }
  if (m.from_host()) return answer_host(m);
  if (m.table.is_ours(m.source())) return dropped(DropReason::nd_malformed);
  if (!m.table.answers_for(m.packet.in_port, target)) return {};
  if (m.options.source) m.observe(m.source(), *m.options.source, Evidence::asked);
  return advertise(m, target);
}

/// RFC 4861 section 7.1.2 and 7.2.5.
Outcome on_advertisement(const Message& m) {
  const IpAddress target = m.target();
  const std::uint8_t flags = m.bytes()[4];
  const bool solicited = (flags & nd::kSolicitedFlag) != 0;
  if (target.is_multicast() || (solicited && m.packet.key.destination.is_multicast()))
    return dropped(DropReason::nd_malformed);
  if (m.from_host()) return {};
  if (m.table.is_ours(target)) return dropped(DropReason::nd_malformed);
  // An answer to a probe may leave the option out: it confirms, but overrides nothing.
  const bool weak = (flags & nd::kOverrideFlag) == 0 || !m.options.target;
  Evidence evidence = weak ? Evidence::announced_weak : Evidence::announced;
  if (solicited) evidence = weak ? Evidence::answered_weak : Evidence::answered;
  if (solicited || m.options.target)
    m.observe(target, m.options.target.value_or(mac_at(m.packet.data + 6)), evidence);
  if ((flags & nd::kRouterFlag) == 0)
    m.neighbours.forget_router(m.context, m.table, m.packet.in_port, target);
  return {};
}

/// RFC 4861 section 6.1.2 and 6.3.4: the default router only; addresses are configured.
Outcome on_router_advertisement(const Message& m) {
  if (!m.source().is_link_local()) return dropped(DropReason::nd_malformed);
  if (m.from_host() || !m.table.port(m.packet.in_port).router_solicitation) return {};
  if (m.table.is_ours(m.source())) return dropped(DropReason::nd_malformed);
  if (m.options.source) m.observe(m.source(), *m.options.source, Evidence::asked);
  m.neighbours.observe(m.context, m.table,
                       {.address = m.source(),
                        .mac = {},
                        .port = m.packet.in_port,
                        .evidence = Evidence::router,
                        .router_lifetime = load_be16(m.bytes() + 6)});
  return {};
}

}  // namespace

Outcome handle_discovery(Context& context, const Table& table, Neighbours& neighbours, Packet& p) {
  const std::size_t size = std::size_t{p.end} - p.l4;
  const std::size_t least = least_size(p.icmp_type);
  // RFC 4861 sections 6.1 and 7.1; RFC 6980: never in fragments.
  if (p.ttl != kHopLimitOnLink || p.icmp_code != 0 || size < least || p.has(packet_flag::kFragment))
    return dropped(DropReason::nd_malformed);
  const auto options = read_options({p.l4_bytes() + least, size - least});
  if (!options) return dropped(DropReason::nd_malformed);
  const Message message{context, table, neighbours, p, *options};
  switch (p.icmp_type) {
    case nd::kNeighbourSolicitation:
      return on_solicitation(message);
    case nd::kNeighbourAdvertisement:
      return on_advertisement(message);
    case nd::kRouterAdvertisement:
      return on_router_advertisement(message);
    default:
      // We advertise no routes and follow the configured ones: solicitations and redirects are
      // nothing to us.
      return dropped(DropReason::icmp_unhandled);
  }
}

}  // namespace sluice::route
