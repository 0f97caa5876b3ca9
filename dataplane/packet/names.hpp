/// Names for the numbers that a packet carries, for operators. Never used by a worker.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/packet/snapshot.hpp"
#include "dataplane/packet/trace.hpp"

namespace sluice {

/// "edge:12"; empty for 0. The numbers are those of Packet, one more than an index.
[[nodiscard]] std::string rule_name(const Snapshot& snapshot, std::uint32_t rule);
[[nodiscard]] std::string service_name(const Snapshot& snapshot, std::uint32_t service);
[[nodiscard]] std::string backend_name(const Snapshot& snapshot, std::uint32_t backend);
/// How the packets of a service reach its backends, as the configuration writes it: "NAT".
[[nodiscard]] std::string mode_name(const Snapshot& snapshot, std::uint32_t service);
/// "by 198.18.0.254 on port wan", "connected on port lan", "ours: name server", "no route", ...
[[nodiscard]] std::string next_hop_name(const Snapshot& snapshot, std::uint32_t next_hop);
/// "host, name server": what lives at an address of ours, by local_kind bits.
[[nodiscard]] std::string kinds_name(std::uint8_t kinds);
/// Empty for kNoPort.
[[nodiscard]] std::string port_name(const Snapshot& snapshot, PortId port);

/// "198.18.0.2:5000" or "[2001:2::2]:5000"; without the port where there is none.
[[nodiscard]] std::string endpoint(const IpAddress& address, std::uint16_t port, bool has_port);

/// A trace step in words.
struct StepText {
  std::string stage;
  std::string
      decision;  ///< "established", "rule edge:12 drop", "service web, backend be2, mode NAT"
};

/// "udp 198.18.0.2:5000 > 198.18.100.53:53 length 74"
[[nodiscard]] std::string summary_of(const TraceRecord& record);
/// `snapshot` should be the one that the packet met (TraceRecord::revision).
[[nodiscard]] std::vector<StepText> steps_of(const TraceRecord& record, const Snapshot& snapshot);

}  // namespace sluice
