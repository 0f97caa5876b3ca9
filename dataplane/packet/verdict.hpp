/// What became of a packet, and why.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// Final states of a packet; `none` while it is still on its way.
enum class Verdict : std::uint8_t {
  none,
  sent,      ///< forwarded out of a port, translated or not
  dropped,   ///< with a DropReason
  answered,  ///< turned into its own answer and sent back (DNS, ARP, ICMP)
  punted,    ///< given to the host through the exception path
  held,      ///< waits for a neighbour's Ethernet address
  handed,    ///< given to the worker that owns its flow; counted there
};

enum class DropReason : std::uint8_t {
  none,
#define DROP_REASON(name, meaning) name,
#include "dataplane/packet/drop_reasons.def"
#undef DROP_REASON
  count
};

inline constexpr unsigned kDropReasons = static_cast<unsigned>(DropReason::count);

/// "sent", "dropped", ...
[[nodiscard]] std::string_view name_of(Verdict verdict);
/// The name as it stands in metrics, e.g. "no_route".
[[nodiscard]] std::string_view name_of(DropReason reason);
/// One line for an operator.
[[nodiscard]] std::string_view meaning_of(DropReason reason);

}  // namespace sluice
