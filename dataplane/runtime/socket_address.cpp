#include "dataplane/runtime/socket_address.hpp"

#include <cstring>

#include <netinet/in.h>

namespace sluice {

SocketAddress socket_address(const std::array<std::uint8_t, 16>& address, std::uint16_t port) {
  constexpr std::size_t kMapped = 12;
  SocketAddress out;
  in6_addr ip;
  std::memcpy(&ip, address.data(), sizeof ip);
  if (IN6_IS_ADDR_V4MAPPED(&ip)) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    std::memcpy(&four.sin_addr, address.data() + kMapped, sizeof four.sin_addr);
    std::memcpy(&out.bytes, &four, out.size = sizeof four);
  } else {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    six.sin6_addr = ip;
    std::memcpy(&out.bytes, &six, out.size = sizeof six);
  }
  return out;
}

}  // namespace sluice
