/// The name server's stage. A ZoneSet is immutable and shared by all workers.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "dataplane/dns/source.hpp"
#include "dataplane/packet/context.hpp"

namespace sluice::dns {

class ZoneSet;

/// All mistakes of the source are found, not only the first.
[[nodiscard]] tl::expected<std::shared_ptr<const ZoneSet>, std::vector<Error>> compile(
    const Source& source, SlotRegistry& slots);

/// Answers the alive packets in `mask` (their destination is a name server address and they are
/// whole UDP datagrams to its port) in place: addresses, ports and Ethernet addresses swapped,
/// lengths and checksums right, out_port = in_port, verdict answered; or drops them with a reason.
void answer(Context& context, const ZoneSet& zones, Burst& burst, std::uint64_t mask);

/// The same query path for a stream: a whole query in, a whole answer out (at most 65,535 bytes, no
/// truncation). Empty: nothing may be answered (not a query).
[[nodiscard]] std::span<const std::uint8_t> answer_stream(const ZoneSet& zones,
                                                          std::span<const std::uint8_t> query,
                                                          std::span<std::uint8_t> buffer);

}  // namespace sluice::dns
