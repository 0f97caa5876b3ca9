/// The compiled routes of one snapshot: immutable, shared by all workers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/packet.hpp"
#include "dataplane/route/lpm.hpp"
#include "dataplane/route/source.hpp"

namespace sluice::route {

/// What is to become of a packet by its destination.
enum class RouteKind : std::uint8_t {
  none,          ///< no route
  gateway,       ///< to a router that a port reaches
  connected,     ///< the destination is a neighbour on the port
  local,         ///< one of our addresses; what lives there is in `kinds`
  blackhole,     ///< dropped without an answer
  not_routable,  ///< multicast, broadcast, loopback and other destinations that are never forwarded
};

/// The addresses of an Ethernet header, as they stand in it.
struct LinkAddresses {
  MacAddress to, from;
};
static_assert(sizeof(LinkAddresses) == 12);

/// One cache line: all that forwarding needs of a route.
struct alignas(64) NextHop {
  IpAddress gateway;   ///< kind gateway
  LinkAddresses link;  ///< to a static neighbour, if has_mac; from the port
  PortId port = kNoPort;
  std::uint16_t mtu = 0;  ///< of the port
  RouteKind kind = RouteKind::none;
  std::uint8_t kinds = 0;  ///< local_kind bits of kind local
  bool has_mac = false;    ///< the neighbour is configured and needs no resolution
};

/// Indices with a fixed meaning (Packet::next_hop).
namespace next_hop_index {
inline constexpr std::uint32_t kNone = 0;         ///< no route
inline constexpr std::uint32_t kNotRoutable = 1;  ///< never forwarded
inline constexpr std::uint32_t kBlackhole = 2;
inline constexpr std::uint32_t kLinkLocalOurs = 3;  ///< the receiving port's link-local address
inline constexpr std::uint32_t kServiceOurs = 4;    ///< of a known flow to a service: not looked up
inline constexpr std::uint32_t kFirstFree = 5;
}  // namespace next_hop_index

/// A port as the stages see it. Absent numbers have `known` false.
struct Port {
  std::string name;
  MacAddress mac;
  std::uint16_t mtu = 0;  ///< bytes of an IP packet
  bool known = false;
  bool router_solicitation = false;
  IpAddress link_local;           ///< fe80::/64 with the modified EUI-64 of the MAC (RFC 4291)
  std::vector<Prefix> addresses;  ///< with host bits
};

/// A prefix of the table and what it leads to, for operators; the stages use the tries.
struct TableEntry {
  Prefix prefix;
  std::uint32_t next_hop = 0;
};

class Table {
 public:
  /// Index for Packet::next_hop. IPv6 link-local destinations depend on the port they came in by.
  [[nodiscard]] std::uint32_t find(const IpAddress& destination, PortId in_port) const;

  [[nodiscard]] const NextHop& next_hop(std::uint32_t index) const {
    return next_hops_.data()[index];  // unchecked: the tries lead to what is there
  }
  [[nodiscard]] std::span<const NextHop> next_hops() const { return next_hops_; }
  /// What lives at the destination: local_kind bits, 0 if it is not ours.
  [[nodiscard]] std::uint8_t kinds(std::uint32_t index) const {
    return next_hops_.data()[index].kinds;
  }
  [[nodiscard]] bool is_local(std::uint32_t index) const {
    return next_hops_[index].kind == RouteKind::local;
  }

  /// A port that is not known has an empty entry.
  [[nodiscard]] const Port& port(PortId id) const {
    return id < ports_.size() ? ports_[id] : kAbsentPort;
  }
  [[nodiscard]] std::span<const Port> ports() const { return ports_; }

  [[nodiscard]] PortId host_port() const { return host_port_; }
  [[nodiscard]] const MacAddress& host_mac() const { return host_mac_; }
  /// Ethernet address of neighbours that are not listed; null: they are asked for.
  [[nodiscard]] const MacAddress* assumed_neighbour() const {
    return assumed_neighbour_ ? &*assumed_neighbour_ : nullptr;
  }

  /// Whether `address` lies in a prefix of the port (link-local: always).
  [[nodiscard]] bool on_link(PortId port, const IpAddress& address) const;
  /// Whether we answer for `address` on the port: its own addresses, its link-local address, and
  /// local addresses within its prefixes.
  [[nodiscard]] bool answers_for(PortId port, const IpAddress& address) const;
  /// Whether `address` is one of ours, on any port.
  [[nodiscard]] bool is_ours(const IpAddress& address) const;
  /// Source address for a message of our own out of `port`: an address of the port, else of any
  /// port, else (IPv6) the port's link-local address. Unspecified: there is none.
  [[nodiscard]] IpAddress source_address(PortId port, bool v4) const;

  /// Every prefix, in order; those that nobody may route included.
  [[nodiscard]] std::span<const TableEntry> entries() const { return entries_; }
  /// The entry that decides about a destination; null: there is no route.
  [[nodiscard]] const TableEntry* entry_of(const IpAddress& destination) const;

  [[nodiscard]] const Lpm4& lpm4() const { return lpm4_; }
  [[nodiscard]] const Lpm6& lpm6() const { return lpm6_; }
  /// The index that a match in lpm6 stands for, given where the packet came from.
  [[nodiscard]] std::uint32_t scoped(LpmValue value, const IpAddress& destination,
                                     PortId in_port) const {
    return value == next_hop_index::kLinkLocalOurs ? link_scope(destination, in_port) : value;
  }

 private:
  friend class Compiler;
  static const Port kAbsentPort;

  [[nodiscard]] std::uint32_t link_scope(const IpAddress& destination, PortId in_port) const {
    return destination == port(in_port).link_local ? next_hop_index::kLinkLocalOurs
                                                   : next_hop_index::kNotRoutable;
  }

  std::vector<NextHop> next_hops_;
  std::vector<Port> ports_;  ///< by PortId
  std::vector<TableEntry> entries_;
  Lpm4 lpm4_;
  Lpm6 lpm6_;
  PortId host_port_ = kNoPort;
  MacAddress host_mac_;
  std::optional<MacAddress> assumed_neighbour_;
};

/// The link-local address that a port has from its MAC (RFC 4291 appendix A).
[[nodiscard]] IpAddress link_local_of(const MacAddress& mac);

/// Ethernet address of our end of the host port: fixed, so that the host's neighbour entries hold.
inline constexpr MacAddress kGatewayMac{{0x02, 0x53, 0x6c, 0x75, 0x69, 0x63}};

}  // namespace sluice::route
