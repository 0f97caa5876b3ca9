/// An IP address and a port as the kernel's sockets take them.
#pragma once

#include <array>
#include <cstdint>

#include <sys/socket.h>

namespace sluice {

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

/// Of the address in network order, IPv4 as ::ffff:a.b.c.d, and the port in host order. An IPv4
/// address gives a sockaddr_in.
[[nodiscard]] SocketAddress socket_address(const std::array<std::uint8_t, 16>& address,
                                           std::uint16_t port);

}  // namespace sluice
