#include "dataplane/nic/predecessor.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <linux/if_tun.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/runtime/patience.hpp"

namespace sluice::nic {
namespace {

constexpr unsigned kChunk = 4096;  // of the smallest memory that the kernel takes for a socket
constexpr auto kRelease = std::chrono::milliseconds(200);

/// A socket with all that the kernel wants to see before it binds it to a queue.
class XdpSocket {
 public:
  XdpSocket() : fd_(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    memory_ = mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    xdp_umem_reg region{};
    region.addr = reinterpret_cast<std::uintptr_t>(memory_);
    region.len = kChunk;
    region.chunk_size = kChunk;
    (void)setsockopt(fd_, SOL_XDP, XDP_UMEM_REG, &region, sizeof region);
    const int entries = 1;
    for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING})
      (void)setsockopt(fd_, SOL_XDP, ring, &entries, sizeof entries);
  }
  XdpSocket(const XdpSocket&) = delete;
  XdpSocket& operator=(const XdpSocket&) = delete;
  ~XdpSocket() {
    if (fd_ >= 0) close(fd_);
    if (memory_ != MAP_FAILED) munmap(memory_, kChunk);
  }
  /// 0 or the error.
  [[nodiscard]] int bind_to(unsigned interface, unsigned queue) const {
    sockaddr_xdp at{};
    at.sxdp_family = AF_XDP;
    at.sxdp_ifindex = interface;
    at.sxdp_queue_id = queue;
    at.sxdp_flags = XDP_ZEROCOPY;
    return bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 ? 0 : errno;
  }

 private:
  int fd_;
  void* memory_;
};

/// Zero copy is asked for since most drivers refuse it: then the kernel has said whether the queue
/// was free, and holds nothing for us. Where it is granted, the kernel needs a moment to take it
/// back.
bool queue_is_taken(unsigned interface, unsigned queue) {
  int error = 0;
  {
    const XdpSocket probe;
    error = probe.bind_to(interface, queue);
  }
  if (error == 0) std::this_thread::sleep_for(kRelease);
  return error == EBUSY;
}

/// A TAP interface that is gone with the process that has it open.
bool is_tap_of_a_process(const std::string& interface) {
  std::ifstream in(std::filesystem::path("/sys/class/net") / interface / "tun_flags");
  unsigned flags = 0;
  return (in >> std::hex >> flags) && (flags & IFF_PERSIST) == 0;
}

}  // namespace

Result<void> outwait_predecessor(const PortSpec& spec, unsigned queues, Nanoseconds limit) {
  const std::string where = "port " + spec.name;
  Patience patience(limit);
  if (spec.mode == PortMode::tap) {
    while (is_tap_of_a_process(spec.device)) {
      if (!patience.wait("the process before this one to leave its TAP interface", where))
        return fail(fmt::format("another process has made the interface '{}'", spec.device), where,
                    "end it, or give another name");
    }
  }
  if (spec.mode != PortMode::af_xdp) return {};
  const unsigned interface = if_nametoindex(spec.device.c_str());
  for (unsigned queue = 0; queue < queues; ++queue) {
    while (queue_is_taken(interface, queue)) {
      if (!patience.wait("the process before this one to leave its AF_XDP socket", where))
        return fail(fmt::format("another process has an AF_XDP socket on queue {} of {}", queue,
                                spec.device),
                    where, "end it; `ss --xdp -p` lists them");
    }
  }
  return {};
}

}  // namespace sluice::nic
