#include "tests/support/packet_builder.hpp"

#include <stdexcept>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/parse.hpp"

namespace sluice::test {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed) throw std::invalid_argument(parsed.error().text());
  return *parsed;
}

void put16(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
void put(Bytes& out, const std::uint8_t* from, std::size_t size) {
  out.insert(out.end(), from, from + size);
}
void put(Bytes& out, const Bytes& bytes) {
  put(out, bytes.data(), bytes.size());
}
void put(Bytes& out, const MacAddress& mac) {
  put(out, mac.bytes.data(), mac.bytes.size());
}
void put(Bytes& out, const IpAddress& ip) {
  put(out, ip.network(), ip.network_size());
}
Bytes padded(Bytes bytes, std::size_t multiple) {
  bytes.resize((bytes.size() + multiple - 1) / multiple * multiple);
  return bytes;
}

}  // namespace

PacketBuilder& PacketBuilder::ethernet(MacAddress destination, MacAddress source) {
  destination_mac_ = destination;
  source_mac_ = source;
  return *this;
}
PacketBuilder& PacketBuilder::vlan(std::uint16_t id, std::uint16_t tag_type) {
  tags_.push_back({tag_type, id});
  return *this;
}
PacketBuilder& PacketBuilder::ether_type(std::uint16_t type) {
  ether_type_ = type;
  return *this;
}
PacketBuilder& PacketBuilder::ip(std::string_view source, std::string_view destination) {
  source_ = address(source);
  destination_ = address(destination);
  has_ip_ = true;
  return *this;
}
PacketBuilder& PacketBuilder::ttl(std::uint8_t value) {
  ttl_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::do_not_fragment() {
  fragment_ |= 0x4000;
  return *this;
}
PacketBuilder& PacketBuilder::fragment(unsigned offset_bytes, bool more) {
  fragment_ = static_cast<std::uint16_t>((fragment_ & 0x4000U) | (more ? 0x2000U : 0U) |
                                         ((offset_bytes / 8) & 0x1fffU));
  is_fragment_ = true;
  return *this;
}
PacketBuilder& PacketBuilder::ip_options(Bytes options) {
  ip_options_ = padded(std::move(options), 4);
  return *this;
}
PacketBuilder& PacketBuilder::extension(std::uint8_t header, Bytes rest) {
  extensions_.push_back({header, std::move(rest)});
  return *this;
}

PacketBuilder& PacketBuilder::udp(std::uint16_t source_port, std::uint16_t destination_port) {
  protocol_ = ip_protocol::kUdp;
  l4_header_.clear();
  put16(l4_header_, source_port);
  put16(l4_header_, destination_port);
  put32(l4_header_, 0);
  return *this;
}
PacketBuilder& PacketBuilder::tcp(std::uint16_t source_port, std::uint16_t destination_port,
                                  std::uint8_t flags, std::uint32_t sequence,
                                  std::uint32_t acknowledgement) {
  protocol_ = ip_protocol::kTcp;
  l4_header_.clear();
  put16(l4_header_, source_port);
  put16(l4_header_, destination_port);
  put32(l4_header_, sequence);
  put32(l4_header_, acknowledgement);
  put16(l4_header_, 0x5000U | flags);
  put16(l4_header_, 65'535);  // window
  put32(l4_header_, 0);       // checksum, urgent pointer
  return *this;
}
PacketBuilder& PacketBuilder::tcp_options(Bytes options) {
  tcp_options_ = padded(std::move(options), 4);
  return *this;
}
PacketBuilder& PacketBuilder::icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
  protocol_ = is_v4() ? ip_protocol::kIcmp : ip_protocol::kIcmp6;
  l4_header_ = {type, code, 0, 0};
  put32(l4_header_, rest);
  return *this;
}
PacketBuilder& PacketBuilder::echo_request(std::uint16_t identifier, std::uint16_t sequence) {
  return icmp(is_v4() ? 8 : 128, 0, std::uint32_t{identifier} << 16 | sequence);
}
PacketBuilder& PacketBuilder::protocol(std::uint8_t number) {
  protocol_ = number;
  l4_header_.clear();
  return *this;
}

PacketBuilder& PacketBuilder::arp(std::uint16_t operation, MacAddress sender_mac,
                                  std::string_view sender, MacAddress target_mac,
                                  std::string_view target) {
  arp_.clear();
  put16(arp_, 1);  // Ethernet
  put16(arp_, 0x0800);
  put16(arp_, 0x0604);
  put16(arp_, operation);
  put(arp_, sender_mac);
  put(arp_, address(sender));
  put(arp_, target_mac);
  put(arp_, address(target));
  return *this;
}
PacketBuilder& PacketBuilder::neighbour_solicitation(std::string_view target,
                                                     std::optional<MacAddress> source_mac) {
  icmp(135, 0).ttl(255);
  payload_.clear();
  put(payload_, address(target));
  if (source_mac) {
    put16(payload_, 0x0101);
    put(payload_, *source_mac);
  }
  return *this;
}
PacketBuilder& PacketBuilder::neighbour_advertisement(std::string_view target,
                                                      MacAddress target_mac, std::uint8_t flags) {
  icmp(136, 0, std::uint32_t{flags} << 24).ttl(255);
  payload_.clear();
  put(payload_, address(target));
  put16(payload_, 0x0201);
  put(payload_, target_mac);
  return *this;
}

PacketBuilder& PacketBuilder::payload(Bytes bytes) {
  payload_ = std::move(bytes);
  return *this;
}
PacketBuilder& PacketBuilder::payload(std::string_view text) {
  payload_.assign(text.begin(), text.end());
  return *this;
}
PacketBuilder& PacketBuilder::pad_to(std::size_t size) {
  pad_to_ = size;
  return *this;
}

Bytes PacketBuilder::transport() const {
  Bytes l4 = l4_header_;
  if (protocol_ == ip_protocol::kTcp && !l4.empty()) {
    put(l4, tcp_options_);
    l4[12] = static_cast<std::uint8_t>(l4.size() / 4 << 4);
  }
  put(l4, payload_);
  if (protocol_ == ip_protocol::kUdp && !l4_header_.empty())
    store_be16(l4.data() + 4, static_cast<std::uint16_t>(l4.size()));
  return l4;
}

Bytes PacketBuilder::ipv4(const Bytes& l4) const {
  Bytes out{static_cast<std::uint8_t>(0x45 + ip_options_.size() / 4), 0};
  put16(out, static_cast<unsigned>(20 + ip_options_.size() + l4.size()));
  put16(out, 0x1234);  // identification
  put16(out, fragment_);
  out.push_back(ttl_);
  out.push_back(protocol_);
  put16(out, 0);
  put(out, source_);
  put(out, destination_);
  put(out, ip_options_);
  put(out, l4);
  return out;
}

Bytes PacketBuilder::ipv6(const Bytes& l4) const {
  std::vector<Extension> chain = extensions_;
  if (is_fragment_) {
    Bytes rest{0};
    put16(rest, ((fragment_ & 0x1fffU) << 3) | ((fragment_ & 0x2000U) != 0 ? 1U : 0U));
    put32(rest, 0x12345678);  // identification
    chain.push_back({44, std::move(rest)});
  }
  Bytes after;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    after.push_back(i + 1 < chain.size() ? chain[i + 1].header : protocol_);
    put(after, chain[i].rest);
  }
  put(after, l4);
  Bytes out;
  put32(out, 0x60000000);
  put16(out, static_cast<unsigned>(after.size()));
  out.push_back(chain.empty() ? protocol_ : chain.front().header);
  out.push_back(ttl_);
  put(out, source_);
  put(out, destination_);
  put(out, after);
  return out;
}

Bytes PacketBuilder::network() const {
  if (!arp_.empty()) return arp_;
  if (!has_ip_) return payload_;
  return is_v4() ? ipv4(transport()) : ipv6(transport());
}

Bytes PacketBuilder::build() const {
  Bytes frame;
  put(frame, destination_mac_);
  put(frame, source_mac_);
  for (const Tag& tag : tags_) {
    put16(frame, tag.type);
    put16(frame, tag.id);
  }
  const unsigned natural = !arp_.empty() ? 0x0806 : is_v4() ? 0x0800 : 0x86dd;
  put16(frame, ether_type_.value_or(static_cast<std::uint16_t>(natural)));
  put(frame, network());
  if (has_ip_) frame = with_checksums(std::move(frame));
  if (frame.size() < pad_to_) frame.resize(pad_to_);
  return frame;
}

Bytes dns_query() {
  constexpr std::string_view kMessage(
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
      "\x03www\x07"
      "example\x04test\x00\x00\x01\x00\x01",
      34);
  return {kMessage.begin(), kMessage.end()};
}

Bytes with_checksums(Bytes frame) {
  Packet p;
  p.data = frame.data();
  p.length = static_cast<std::uint16_t>(frame.size());
  // Parsing stops at a wrong header checksum, so that one is put right first.
  static_cast<void>(parse(p));
  if (p.ether_type == 0x0800 && p.length >= p.l3 + 20U) {
    const std::size_t header = std::size_t{frame[p.l3] & 0xfU} * 4;
    if (header >= 20 && p.l3 + header <= frame.size()) {
      store_be16(p.l3_bytes() + 10, ipv4_header_checksum(p));
      static_cast<void>(parse(p));
    }
  }
  if (p.has(packet_flag::kL4)) fill_checksums(p);
  return frame;
}

}  // namespace sluice::test
