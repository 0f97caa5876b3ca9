#include "bench/path/stamped_queue.hpp"

#include <cassert>
#include <cstring>

#include "dataplane/packet/bytes.hpp"

namespace sluice::bench {
namespace {

constexpr std::size_t kIpChecksum = 14 + 10, kSource = 14 + 14, kSourcePort = 14 + 20;

[[nodiscard]] std::uint16_t ones_add(std::uint16_t a, std::uint16_t b) {
  const std::uint32_t sum = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}

}  // namespace

FlowStamp::FlowStamp(std::vector<std::uint8_t> even, std::vector<std::uint8_t> odd,
                     std::uint32_t flows)
    : templates_{}, length_(static_cast<std::uint16_t>(even.size())), flows_(flows) {
  assert(even.size() == odd.size() && even.size() <= kBytesMax && flows <= 131'072);
  for (int i = 0; i < 2; ++i) {
    const auto& frame = i == 0 ? even : odd;
    std::memcpy(templates_[i].bytes, frame.data(), frame.size());
    address_[i] = load_be16(&frame[kSource]);
    checksum_[i] = load_be16(&frame[kIpChecksum]);
    port_[i] = load_be16(&frame[kSourcePort]);
  }
}

std::uint16_t FlowStamp::write(std::uint8_t* to) {
  const std::uint32_t flow = next_;
  next_ = flow + 1 == flows_ ? 0 : flow + 1;
  const unsigned which = flow & 1U;
  const auto x = static_cast<std::uint16_t>(flow >> 1);
  std::memcpy(to, templates_[which].bytes, length_);
  // The low half of the source address grows by x and the source port shrinks by it: the transport
  // checksum stays as it is, and the header checksum shrinks by x, in one's complement arithmetic.
  const auto minus_x = static_cast<std::uint16_t>(~x);
  store_be16(to + kSource, ones_add(address_[which], x));
  store_be16(to + kIpChecksum, ones_add(checksum_[which], minus_x));
  store_be16(to + kSourcePort, ones_add(port_[which], minus_x));
  return length_;
}

}  // namespace sluice::bench
