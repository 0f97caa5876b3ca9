/// A packet on its way through the stages, and a burst of them. Nothing here knows DPDK: `owner` is
/// the NIC layer's buffer handle, and tests use plain memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/packet/flow_key.hpp"
#include "dataplane/packet/verdict.hpp"

namespace sluice {

using PortId = std::uint16_t;
inline constexpr PortId kNoPort = 0xffff;
inline constexpr unsigned kBurstMax = 64;

/// IP protocol numbers that the stages name.
namespace ip_protocol {
inline constexpr std::uint8_t kIcmp = 1, kIpv4 = 4, kTcp = 6, kUdp = 17, kIpv6 = 41, kIcmp6 = 58,
                              kSctp = 132;
}

/// TCP flag bits.
namespace tcp_flag {
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32;
}

/// What parse found; bits of Packet::flags.
namespace packet_flag {
inline constexpr std::uint16_t kIp = 1;  ///< l3 and key are valid
inline constexpr std::uint16_t kL4 = 2;  ///< l4 is valid: a whole TCP, UDP or ICMP header is there
inline constexpr std::uint16_t kFragment = 4;       ///< any fragment
inline constexpr std::uint16_t kLaterFragment = 8;  ///< not the first one: no transport header
inline constexpr std::uint16_t kIpOptions = 16;     ///< IPv4 options or IPv6 extension headers
inline constexpr std::uint16_t kGroupMac = 32;      ///< Ethernet broadcast or multicast
inline constexpr std::uint16_t kL4ChecksumGood =
    64;  ///< by the NIC or by l4_checksum_right(), or cannot be told here
inline constexpr std::uint16_t kFromHost = 128;  ///< came from the exception path
inline constexpr std::uint16_t kRestored =
    256;  ///< the return translation of a service was applied
inline constexpr std::uint16_t kTranslated =
    512;  ///< destination changed after the first route look-up
inline constexpr std::uint16_t kIcmpError =
    1024;                                       ///< ICMP error; the key is that of the error itself
inline constexpr std::uint16_t kTraced = 2048;  ///< a trace filter matched
inline constexpr std::uint16_t kHanded = 4096;  ///< came from another worker
inline constexpr std::uint16_t kHandedAgain = 8192;  ///< and before that from a third
inline constexpr std::uint16_t kTunnel =
    16384;  ///< goes in a header of ours: what parse found is about that one, once it is in front
}  // namespace packet_flag

/// State of the packet's connection, as a rule may ask for it.
enum class ConnectionState : std::uint8_t { untracked, fresh, established, related, invalid };

/// Two cache lines. The first says where the bytes are and what parse found; the second is the
/// flow.
struct alignas(64) Packet {
  std::uint8_t* data = nullptr;  ///< first byte of the Ethernet header
  void* owner = nullptr;         ///< buffer handle of the layer that received it
  std::uint16_t length = 0;      ///< bytes of the frame
  std::uint16_t room = 0;        ///< bytes from data to the end of the buffer (>= length)
  std::uint16_t headroom = 0;    ///< bytes before data that may be used
  PortId in_port = kNoPort;
  PortId out_port = kNoPort;     ///< set by deliver
  std::uint16_t flags = 0;       ///< packet_flag
  std::uint16_t ether_type = 0;  ///< after VLAN tags
  std::uint16_t vlan = 0;        ///< outer VLAN id, 0 if none
  std::uint8_t l3 = 0;           ///< offset of the IP (or ARP) header: 14, 18 or 22
  std::uint8_t ip_version = 0;   ///< 4, 6 or 0
  std::uint16_t l4 = 0;          ///< offset of the transport header
  std::uint16_t payload = 0;     ///< offset after the transport header
  std::uint16_t end = 0;  ///< offset of the end of the IP packet (Ethernet padding is after it)
  std::uint8_t ttl = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint32_t next_hop = 0;  ///< index into the route tables; 0 is "no route"
  Verdict verdict = Verdict::none;
  DropReason reason = DropReason::none;
  ConnectionState connection = ConnectionState::untracked;
  std::uint8_t stage = 0;  ///< index of the stage that decided
  std::uint8_t reject_type =
      0;  ///< with reason rule_reject: ICMP type to answer with; 0: TCP reset
  std::uint8_t reject_code = 0;  ///< ICMP code to answer with
  std::uint16_t handed_to = 0;   ///< with Verdict::handed: the worker that owns the flow

  alignas(64) FlowKey key;    ///< as on the wire now (follows translation)
  std::uint32_t rule = 0;     ///< 1 + index of the firewall rule that decided, 0 none
  std::uint32_t service = 0;  ///< 1 + index of the balanced service, 0 none
  std::uint32_t backend = 0;  ///< 1 + index of the backend in the snapshot, 0 none
  std::uint32_t flow = 0;     ///< 1 + index of the worker's flow entry, 0 none
  /// Routed and resolved as if this were the destination, which stays as it is (direct return).
  /// Points into the configuration snapshot: good until the worker's next quiescent point.
  const IpAddress* via = nullptr;

  [[nodiscard]] bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
  [[nodiscard]] std::uint8_t* l3_bytes() { return data + l3; }
  [[nodiscard]] std::uint8_t* l4_bytes() { return data + l4; }
  [[nodiscard]] const std::uint8_t* l3_bytes() const { return data + l3; }
  [[nodiscard]] const std::uint8_t* l4_bytes() const { return data + l4; }
};

static_assert(sizeof(Packet) == 128);

/// Up to kBurstMax packets. `alive` has a bit for each packet whose verdict is still none: a stage
/// walks those, and what it decides leaves the set.
struct Burst {
  std::array<Packet, kBurstMax> packets;
  std::uint32_t count = 0;
  std::uint64_t alive = 0;
  std::uint8_t stage = 0;  ///< index of the stage under way; what it decides notes it

  /// After receive filled packets[0..count).
  void start() { alive = count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1; }

  void drop(unsigned i, DropReason reason) {
    packets[i].reason = reason;
    decide(i, Verdict::dropped);
  }
  void decide(unsigned i, Verdict verdict) {
    Packet& p = packets.data()[i];
    p.verdict = verdict;
    p.stage = stage;
    alive &= ~(std::uint64_t{1} << i);
  }

  /// Calls f(index, packet) for each packet alive when the walk began.
  template <class F>
  void for_each_alive(F&& f) {
    for_each_alive(~std::uint64_t{0}, f);
  }
  /// The same for those of a set.
  template <class F>
  void for_each_alive(std::uint64_t set, F&& f) {
    for (std::uint64_t rest = alive & set; rest != 0; rest &= rest - 1) {
      const auto i = static_cast<unsigned>(std::countr_zero(rest));
      f(i, packets.data()[i]);  // unchecked: no bit is beyond the last packet
    }
  }
};

}  // namespace sluice
