/// What a rule set is compiled from: plain values, as the configuration states them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/packet/address.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::firewall {

/// One Firewall document: text in the syntax of nftables users.
struct RulesSource {
  std::string name;  ///< of the document
  std::string text;
  std::string where;  ///< file and line of the text's first line, for errors: "lab.yaml:30"
};

/// One AddressSet document; rules refer to it as @name.
struct AddressSetSource {
  std::string name;
  std::vector<Prefix> prefixes;
  bool early_drop =
      false;  ///< sources in it are dropped before anything else, in XDP where there is one
};

struct PortName {
  std::string name;  ///< what iifname and oifname say
  PortId id = kNoPort;
};

/// Connection tracking limits and time-outs.
struct TrackingSource {
  std::uint32_t connections_max = 262'144;  ///< per worker; reserved at start
  Nanoseconds tcp_established = 432'000 * kSecond;
  Nanoseconds tcp_half_open = 30 * kSecond;
  Nanoseconds tcp_closing = 60 * kSecond;
  Nanoseconds udp_unreplied = 30 * kSecond;
  Nanoseconds udp_replied = 120 * kSecond;
  Nanoseconds icmp = 30 * kSecond;
  Nanoseconds other = 600 * kSecond;
};

struct Source {
  std::vector<RulesSource> rules;
  std::vector<AddressSetSource> sets;
  std::vector<PortName> ports;
  TrackingSource tracking;
};

}  // namespace sluice::firewall
