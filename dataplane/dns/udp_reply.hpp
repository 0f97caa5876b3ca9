/// The frame around a DNS message on UDP.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet.hpp"

namespace sluice::dns {

/// Makes the packet, whose UDP payload was overwritten with an answer of `size` octets, the reply
/// to its sender: addresses, ports and Ethernet addresses swapped, IP options and extension headers
/// gone, lengths right, TTL 64, out of the port it came in on. Checksums are left to
/// fill_checksums.
void make_reply(Packet& packet, std::size_t size);

/// Takes IP options or extension headers out, so that the transport header follows a plain IP
/// header. Reply options would be the querier's, not ours.
void strip_ip_options(Packet& packet);

}  // namespace sluice::dns
