/// What operators ask of connection tracking: nothing here is called for a packet of a port.
#pragma once

#include <string>

#include "dataplane/firewall/tracking/connection.hpp"
#include "dataplane/packet/packet.hpp"

namespace sluice::firewall {

/// "syn_sent", "established", ...; "none" for what is not TCP.
[[nodiscard]] const char* name_of(TcpState state);

/// State of the TCP connection, or whether the other side of another one has answered.
[[nodiscard]] std::string state_text(const Connection& connection);

/// Makes a TCP segment without SYN the next one that its sender would send: sequence and
/// acknowledgement numbers of a known connection. The checksum is left as it was.
void number_segment(Packet& packet, const Connection& connection);

}  // namespace sluice::firewall
