/// Builds frames for tests: right lengths and checksums unless a test spoils them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/packet/packet.hpp"

namespace sluice::test {

using Bytes = std::vector<std::uint8_t>;

/// Ethernet addresses of a builder that was told none: from a neighbour to a port of ours.
inline constexpr MacAddress kTheirMac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 0xfe}};

/// packet().ip("198.18.0.2", "198.18.1.11").tcp(5000, 80, tcp_flag::kSyn).build()
class PacketBuilder {
 public:
  PacketBuilder& ethernet(MacAddress destination, MacAddress source);
  /// Adds a tag, outer first.
  PacketBuilder& vlan(std::uint16_t id, std::uint16_t tag_type = 0x8100);
  PacketBuilder& ether_type(std::uint16_t type);

  /// Both IPv4 or both IPv6, as text.
  PacketBuilder& ip(std::string_view source, std::string_view destination);
  PacketBuilder& ttl(std::uint8_t value);
  PacketBuilder& do_not_fragment();
  PacketBuilder& fragment(unsigned offset_bytes, bool more);
  /// IPv4 options; padded to four bytes with end-of-list.
  PacketBuilder& ip_options(Bytes options);
  /// One IPv6 extension header: its number and the bytes after its Next Header field.
  PacketBuilder& extension(std::uint8_t header, Bytes rest);

  PacketBuilder& udp(std::uint16_t source_port, std::uint16_t destination_port);
  PacketBuilder& tcp(std::uint16_t source_port, std::uint16_t destination_port,
                     std::uint8_t flags = tcp_flag::kAck, std::uint32_t sequence = 1,
                     std::uint32_t acknowledgement = 0);
  /// Padded to four bytes with end-of-list.
  PacketBuilder& tcp_options(Bytes options);
  /// ICMP of the addresses' family; `rest` are bytes 4 to 7 of its header.
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0);
  PacketBuilder& echo_request(std::uint16_t identifier, std::uint16_t sequence = 1);
  /// Any other protocol: the payload is all there is.
  PacketBuilder& protocol(std::uint8_t number);

  PacketBuilder& arp(std::uint16_t operation, MacAddress sender_mac, std::string_view sender,
                     MacAddress target_mac, std::string_view target);
  /// RFC 4861 4.3, with a source link-layer address option if `source_mac` is given.
  PacketBuilder& neighbour_solicitation(std::string_view target,
                                        std::optional<MacAddress> source_mac = {});
  /// RFC 4861 4.4; `flags` is the byte with R, S and O at the top.
  PacketBuilder& neighbour_advertisement(std::string_view target, MacAddress target_mac,
                                         std::uint8_t flags = 0x60);

  PacketBuilder& payload(Bytes bytes);
  PacketBuilder& payload(std::string_view text);
  /// Zeros behind the IP packet up to this frame size.
  PacketBuilder& pad_to(std::size_t size);

  [[nodiscard]] Bytes build() const;

 private:
  struct Tag {
    std::uint16_t type, id;
  };
  struct Extension {
    std::uint8_t header;
    Bytes rest;
  };

  [[nodiscard]] bool is_v4() const { return source_.is_v4(); }
  [[nodiscard]] Bytes transport() const;
  [[nodiscard]] Bytes network() const;
  [[nodiscard]] Bytes ipv4(const Bytes& l4) const;
  [[nodiscard]] Bytes ipv6(const Bytes& l4) const;

  MacAddress destination_mac_ = kOurMac;
  MacAddress source_mac_ = kTheirMac;
  std::vector<Tag> tags_;
  std::optional<std::uint16_t> ether_type_;
  IpAddress source_;
  IpAddress destination_;
  std::uint8_t ttl_ = 64;
  std::uint16_t fragment_ = 0;  ///< flags and offset, as IPv4 carries them
  bool has_ip_ = false;
  bool is_fragment_ = false;
  Bytes ip_options_;
  std::vector<Extension> extensions_;
  std::uint8_t protocol_ = 0;
  Bytes l4_header_;
  Bytes tcp_options_;
  Bytes payload_;
  Bytes arp_;
  std::size_t pad_to_ = 0;
};

[[nodiscard]] inline PacketBuilder packet() {
  return {};
}

/// A DNS message that asks for the A records of www.example.test.
[[nodiscard]] Bytes dns_query();

/// A frame with its IPv4 header and transport checksums computed afresh, after a test changed it.
[[nodiscard]] Bytes with_checksums(Bytes frame);

}  // namespace sluice::test
