#include "dataplane/firewall/tracking/icmp_tracker.hpp"

#include "dataplane/packet/bytes.hpp"

namespace sluice::firewall {
namespace {

IcmpRole icmp4_role(std::uint8_t type) {
  switch (type) {
    case 8:   // echo
    case 13:  // timestamp
    case 15:  // information
    case 17:  // address mask
      return IcmpRole::request;
    case 0:
    case 14:
    case 16:
    case 18:
      return IcmpRole::reply;
    case 3:   // destination unreachable
    case 4:   // source quench
    case 5:   // redirect
    case 11:  // time exceeded
    case 12:  // parameter problem
      return IcmpRole::error;
    default:
      return IcmpRole::unknown;
  }
}

IcmpRole icmp6_role(std::uint8_t type) {
  switch (type) {
    case 128:  // echo
    case 139:  // node information
      return IcmpRole::request;
    case 129:
    case 140:
      return IcmpRole::reply;
    case 1:  // destination unreachable
    case 2:  // packet too big
    case 3:  // time exceeded
    case 4:  // parameter problem
      return IcmpRole::error;
    case 130:  // listener query, report, done
    case 131:
    case 132:
    case 133:  // router solicitation, advertisement
    case 134:
    case 135:  // neighbour solicitation, advertisement
    case 136:
    case 137:  // redirect
    case 143:  // listener report, version 2
      return IcmpRole::housekeeping;
    default:
      return IcmpRole::unknown;
  }
}

/// The IPv4 header of a quotation; the reader is left behind its options.
bool read_ipv4(ByteReader& reader, FlowKey& key) {
  const std::uint8_t first = reader.u8();
  reader.skip(5);
  const unsigned fragment = reader.u16();
  reader.skip(1);
  key.protocol = reader.u8();
  reader.skip(2);
  key.source = IpAddress::v4(reader.u32());
  key.destination = IpAddress::v4(reader.u32());
  const unsigned header = (first & 15U) * 4U;
  if (first >> 4U != 4 || header < 20 || (fragment & 0x1fffU) != 0) return false;
  reader.skip(header - 20);
  return reader.ok();
}

bool read_ipv6(ByteReader& reader, FlowKey& key) {
  constexpr unsigned kHeadersMax = 8;
  const std::uint8_t first = reader.u8();
  reader.skip(5);
  std::uint8_t next = reader.u8();
  reader.skip(1);
  const auto source = reader.take(16);
  const auto destination = reader.take(16);
  if (!reader.ok() || first >> 4U != 6) return false;
  key.source = IpAddress::from(source.data(), 16);
  key.destination = IpAddress::from(destination.data(), 16);
  for (unsigned headers = 0; headers < kHeadersMax; ++headers) {
    if (next == 44) {  // fragment (RFC 8200 section 4.5)
      next = reader.u8();
      reader.skip(1);
      if ((reader.u16() & 0xfff8U) != 0) return false;
      reader.skip(4);
    } else if (next == 0 || next == 43 || next == 60) {  // options and routing
      next = reader.u8();
      const unsigned size = (reader.u8() + 1U) * 8U;
      reader.skip(size - 2);
    } else {
      key.protocol = next;
      return reader.ok();
    }
  }
  return false;
}

bool read_transport(ByteReader& reader, bool v4, QuotedPacket& quoted) {
  FlowKey& key = quoted.key;
  if (key.protocol == ip_protocol::kTcp || key.protocol == ip_protocol::kUdp) {
    key.source_port = reader.u16();
    key.destination_port = reader.u16();
    reader.skip(4);  // RFC 792: eight octets are quoted at least
    return reader.ok();
  }
  const bool icmp = key.protocol == (v4 ? ip_protocol::kIcmp : ip_protocol::kIcmp6);
  if (!icmp) return true;
  const std::uint8_t type = reader.u8();
  quoted.role = icmp_role(v4, type);
  reader.skip(3);
  const bool echo = v4 ? type == 8 || type == 0 : type == 128 || type == 129;
  if (echo) key.source_port = key.destination_port = reader.u16();
  return reader.ok() && (quoted.role == IcmpRole::request || quoted.role == IcmpRole::reply);
}

}  // namespace

IcmpRole icmp_role(bool v4, std::uint8_t type) {
  return v4 ? icmp4_role(type) : icmp6_role(type);
}

std::optional<QuotedPacket> quoted_packet(const Packet& error) {
  const bool v4 = error.ip_version == 4;
  const std::size_t start = std::size_t{error.l4} + 8;
  if (start > error.end) return std::nullopt;
  ByteReader reader({error.data + start, error.end - start});
  QuotedPacket quoted;
  const bool read = v4 ? read_ipv4(reader, quoted.key) : read_ipv6(reader, quoted.key);
  if (!read || !read_transport(reader, v4, quoted)) return std::nullopt;
  // The error goes back to whoever sent the packet that it is about.
  if (quoted.key.source != error.key.destination) return std::nullopt;
  return quoted;
}

}  // namespace sluice::firewall
