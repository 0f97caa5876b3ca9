/// The lab's services in full NAT, and conversations with them.
#pragma once

#include <string>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {

inline constexpr std::uint8_t kSynAck = tcp_flag::kSyn | tcp_flag::kAck;

inline Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

inline std::vector<Prefix> local_prefixes() {
  return {prefix("198.18.2.0/30"), prefix("2001:2:0:2::/126")};
}

/// web and echo in full NAT from those.
inline Source full_nat_source() {
  Source source = lab_source();
  for (const std::size_t i : {0U, 2U}) {
    source.services[i].mode = Mode::full_nat;
    source.services[i].local.addresses = local_prefixes();
  }
  return source;
}

/// A family's addresses.
struct Ends {
  const char *client, *web, *echo, *router;
  unsigned ip;  ///< bytes of the IP header
};
inline constexpr Ends kEnds[] = {
    {"198.18.0.2", "198.18.100.80", "198.18.100.82", "198.18.7.7", 20},
    {"2001:2::2", "2001:2:0:100::80", "2001:2:0:100::82", "2001:2:7::7", 40}};

/// Back to where a packet of ours came from.
inline test::PacketBuilder reply_to(const Packet& sent) {
  return test::packet().ip(sent.key.destination.text(), sent.key.source.text());
}
inline test::Bytes tcp_reply(const Packet& sent, std::uint8_t flags, std::uint32_t sequence = 900,
                             std::uint32_t acknowledgement = 101) {
  return reply_to(sent)
      .tcp(sent.key.destination_port, sent.key.source_port, flags, sequence, acknowledgement)
      .build();
}

inline void expect_sound(const test::Bytes& frame) {
  EXPECT_EQ(test::with_checksums(frame), frame);
}

}  // namespace sluice::balancer
