/// Requests to the kernel's routing tables (rtnetlink(7)), one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include <linux/netlink.h>

namespace sluice::nic {

/// A request under construction: a header, a fixed part and attributes, within a fixed buffer that
/// holds every request of this room.
class NetlinkRequest {
 public:
  template <class Fixed>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Fixed& fixed) {
    header_.nlmsg_type = type;
    header_.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&fixed, sizeof fixed);
  }
  void attribute(std::uint16_t type, const void* data, std::size_t size) {
    const nlattr head{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
    append(&head, sizeof head);
    append(data, size);
  }
  void attribute(std::uint16_t type, std::uint32_t value) { attribute(type, &value, sizeof value); }

  /// The finished message.
  [[nodiscard]] std::span<const std::uint8_t> bytes() {
    header_.nlmsg_len = static_cast<std::uint32_t>(size_);
    std::memcpy(buffer_.data(), &header_, sizeof header_);
    return {buffer_.data(), size_};
  }

 private:
  void append(const void* data, std::size_t size) {
    std::memcpy(&buffer_.at(size_ + size - 1) - (size - 1), data, size);
    size_ += (size + 3) / 4 * 4;
  }

  nlmsghdr header_{};
  std::array<std::uint8_t, 256> buffer_{};
  std::size_t size_ = sizeof(nlmsghdr);
};

/// A socket to the kernel's routing tables.
class Netlink {
 public:
  Netlink();
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;
  ~Netlink();

  /// 0, or the error (errno) of the kernel's acknowledgement.
  [[nodiscard]] int ask(NetlinkRequest& request) const;

 private:
  int fd_;
};

}  // namespace sluice::nic
