/// The header of the PROXY protocol (HAProxy, doc/proxy-protocol.txt, versions 1 and 2): one line
/// of text, or binary, that tells a backend of TCP who the client is and where it connected to.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/packet/flow_key.hpp"

namespace sluice::balancer {

/// Section 2.1: the longest line of version 1, without its final zero.
inline constexpr unsigned kProxyHeaderMost = 107;

using ProxyHeader = std::array<std::uint8_t, kProxyHeaderMost>;

/// Writes the header of version 1 or 2 for a client's connection (its key as the client sends) and
/// returns how long it is. Nothing is allocated.
[[nodiscard]] unsigned write_proxy_header(unsigned version, const FlowKey& client,
                                          ProxyHeader& out);

}  // namespace sluice::balancer
