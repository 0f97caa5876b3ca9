#include "dataplane/nic/kernel_interface.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::nic {
namespace {

/// A request about an interface, over a socket of its own; 0 or the error.
int ask(unsigned long what, const std::string& interface, ifreq& request) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  const int error = ioctl(fd, what, &request) == 0 ? 0 : errno;
  close(fd);
  return error;
}

int ask_channels(const std::string& interface, std::uint32_t command, ethtool_channels& channels) {
  channels.cmd = command;
  ifreq request{};
  request.ifr_data = reinterpret_cast<char*>(&channels);
  return ask(SIOCETHTOOL, interface, request);
}

}  // namespace

unsigned kernel_queues(const std::string& interface) {
  ethtool_channels channels{};
  if (ask_channels(interface, ETHTOOL_GCHANNELS, channels) != 0) return 1;
  return std::max(1U, channels.combined_count + channels.rx_count);
}

Result<void> set_kernel_queues(const std::string& interface, unsigned queues) {
  ethtool_channels channels{};
  int error = ask_channels(interface, ETHTOOL_GCHANNELS, channels);
  if (error == 0) {
    if (channels.combined_count != 0) {
      channels.combined_count = queues;
    } else {
      channels.rx_count = queues;
      channels.tx_count = queues;
    }
    error = ask_channels(interface, ETHTOOL_SCHANNELS, channels);
  }
  if (error == 0) return {};
  return fail(fmt::format("the number of receive queues cannot be set to {}: {}", queues,
                          std::strerror(error)),
              interface, "leave `queues` out to serve all queues that the interface has");
}

bool kernel_link_up(const std::string& interface) {
  ifreq request{};
  return ask(SIOCGIFFLAGS, interface, request) == 0 && (request.ifr_flags & IFF_UP) != 0 &&
         (request.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace sluice::nic
