#include "dataplane/packet/spread.hpp"

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/extension_headers.hpp"

namespace sluice {
namespace {

/// Fills in the ports of a quoted packet; only eight bytes of its transport need be there.
void read_quoted_ports(ByteReader& reader, FlowKey& key) {
  const bool icmp = key.protocol == ip_protocol::kIcmp || key.protocol == ip_protocol::kIcmp6;
  const bool ports = key.protocol == ip_protocol::kTcp || key.protocol == ip_protocol::kUdp;
  if (icmp) {
    reader.skip(4);
    key.source_port = key.destination_port = reader.u16();
  } else if (ports) {
    key.source_port = reader.u16();
    key.destination_port = reader.u16();
  }
}

bool read_quoted_ipv4(ByteReader& reader, FlowKey& key) {
  const auto header = reader.take(20);
  if (!reader.ok() || header[0] >> 4U != 4 || (header[0] & 0xfU) < 5) return false;
  key.protocol = header[9];
  key.source = IpAddress::from(header.data() + 12, 4);
  key.destination = IpAddress::from(header.data() + 16, 4);
  reader.skip((header[0] & 0xfU) * 4U - 20U);
  return reader.ok();
}

bool read_quoted_ipv6(ByteReader& reader, FlowKey& key) {
  const auto header = reader.take(40);
  if (!reader.ok() || header[0] >> 4U != 6) return false;
  key.source = IpAddress::from(header.data() + 8, 16);
  key.destination = IpAddress::from(header.data() + 24, 16);
  ByteReader ahead = reader;
  const ExtensionChain chain = walk_extension_headers(header[6], ahead.take(ahead.left()));
  key.protocol = chain.protocol;
  reader.skip(chain.size);
  return chain.reason == DropReason::none && reader.ok();
}

/// The flow that an ICMP error is about, or the packet's own if it does not say.
FlowKey flow_of(const Packet& p) {
  if (!p.has(packet_flag::kIcmpError)) return p.key;
  ByteReader reader({p.data + p.payload, static_cast<std::size_t>(p.end) - p.payload});
  FlowKey quoted;
  const bool read =
      p.ip_version == 4 ? read_quoted_ipv4(reader, quoted) : read_quoted_ipv6(reader, quoted);
  if (!read) return p.key;
  read_quoted_ports(reader, quoted);
  return reader.ok() ? quoted : p.key;
}

}  // namespace

void spread(Context& context, std::uint16_t workers, Burst& burst, std::uint64_t mask) {
  for (std::uint64_t rest = burst.alive & mask; rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    Packet& p = burst.packets[i];
    if (!p.has(packet_flag::kIp)) continue;
    const std::uint16_t owner = worker_of(flow_of(p), context.seed, workers);
    if (owner == context.worker) continue;
    p.handed_to = owner;
    burst.decide(i, Verdict::handed);
  }
}

}  // namespace sluice
