/// Remembers the ports of first fragments, so that later ones of the same datagram are judged as if
/// they had them (virtual reassembly: nothing is held back).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/packet/packet.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::firewall {

/// What names a datagram (RFC 791, RFC 8200 section 4.5).
struct DatagramId {
  IpAddress source;
  IpAddress destination;
  std::uint32_t id = 0;
  std::uint8_t protocol = 0;
  std::uint8_t padding[3] = {};
  bool operator==(const DatagramId&) const = default;
};

/// The datagram of a fragment. Nothing: its fragment header is not where parse allows one.
[[nodiscard]] std::optional<DatagramId> datagram_of(const Packet& fragment);

class FragmentTable {
 public:
  /// Datagrams remembered at once; with more the oldest near by is forgotten.
  static constexpr std::uint32_t kDatagrams = 4096;
  /// As long as hosts wait for the rest (RFC 8200 section 4.5).
  static constexpr Nanoseconds kLifetime = 60 * kSecond;

  struct Ports {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
  };

  FragmentTable() : entries_(std::make_unique<Entry[]>(kDatagrams)) {}

  void remember(const DatagramId& id, Ports ports, const HashSeed& seed, Nanoseconds now);
  [[nodiscard]] std::optional<Ports> find(const DatagramId& id, const HashSeed& seed,
                                          Nanoseconds now) const;

 private:
  static constexpr unsigned kWays = 4;
  struct alignas(64) Entry {
    DatagramId id;
    Ports ports;
    Nanoseconds expires = 0;
  };

  [[nodiscard]] Entry* set_of(const DatagramId& id, const HashSeed& seed) const;

  std::unique_ptr<Entry[]> entries_;
};

}  // namespace sluice::firewall
