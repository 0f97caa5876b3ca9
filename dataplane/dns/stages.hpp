/// The name server's stage. A ZoneSet is immutable and shared by all workers.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/dns/source.hpp"
#include "dataplane/packet/context.hpp"

namespace sluice::dns {

class ZoneSet;

/// All mistakes of the source are found, not only the first.
[[nodiscard]] tl::expected<std::shared_ptr<const ZoneSet>, std::vector<Error>> compile(
    const Source& source, SlotRegistry& slots);

/// Whether a name server listens at this address and port.
[[nodiscard]] bool serves(const ZoneSet& zones, const IpAddress& address, std::uint16_t port);

/// The name servers of the set, as they were given.
[[nodiscard]] const std::vector<ServerSource>& servers(const ZoneSet& zones);

/// Answers the alive packets in `mask` (their destination is a name server address and they are
/// whole UDP datagrams to its port) in place: addresses, ports and Ethernet addresses swapped,
/// lengths and checksums right, out_port = in_port, verdict answered; or drops them with a reason.
void answer(Context& context, const ZoneSet& zones, Burst& burst, std::uint64_t mask);

/// The same query path for a stream: a whole query in, a whole answer out (at most 65,535 bytes, no
/// truncation as long as the buffer holds that many). Empty: nothing may be answered (not a query).
/// Counts into `counters`, the calling thread's, unless it is nullptr.
[[nodiscard]] std::span<const std::uint8_t> answer_stream(const ZoneSet& zones,
                                                          std::span<const std::uint8_t> query,
                                                          std::span<std::uint8_t> buffer,
                                                          CounterBlock* counters = nullptr);

/// A counter of the zone set, for reports: of a zone "queries", "noerror", "nxdomain"; of the
/// server "formerr", "notimp", "refused", "badvers", "truncated". Events are messages, units their
/// octets.
struct NamedCounter {
  std::string zone;  ///< origin without final dot, empty for those of the server
  std::string name;
  Slot slot = kNoSlot;
};
[[nodiscard]] const std::vector<NamedCounter>& counters(const ZoneSet& zones);

}  // namespace sluice::dns
