#include "dataplane/runtime/random.hpp"

#include <cerrno>
#include <cstring>

#include <sys/random.h>

namespace sluice {

Result<void> fill_random(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = getrandom(bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(std::string("no random bytes: ") + std::strerror(errno), "getrandom");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace sluice
