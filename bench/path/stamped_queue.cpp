#include "bench/path/stamped_queue.hpp"

#include <cassert>
#include <cstring>
#include <utility>

#include "dataplane/packet/bytes.hpp"

namespace sluice::bench {
namespace {

constexpr std::size_t kIpChecksum = 14 + 10, kSource = 14 + 14, kSourcePort = 14 + 20;

[[nodiscard]] std::uint16_t ones_add(std::uint16_t a, std::uint16_t b) {
  const std::uint32_t sum = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}
[[nodiscard]] std::uint16_t ones_subtract(std::uint16_t a, std::uint16_t b) {
  return ones_add(a, static_cast<std::uint16_t>(~b));
}

}  // namespace

FlowStamp::FlowStamp(std::vector<std::uint8_t> even, std::vector<std::uint8_t> odd,
                     std::uint32_t flows, std::vector<Variation> variations)
    : templates_{},
      length_(static_cast<std::uint16_t>(even.size())),
      flows_(flows),
      variations_(std::move(variations)) {
  assert(even.size() == odd.size() && even.size() <= kBytesMax && flows <= 131'072);
  for (int i = 0; i < 2; ++i) {
    const auto& frame = i == 0 ? even : odd;
    std::memcpy(templates_[i].bytes, frame.data(), frame.size());
    address_[i] = load_be16(&frame[kSource]);
    checksum_[i] = load_be16(&frame[kIpChecksum]);
    port_[i] = load_be16(&frame[kSourcePort]);
  }
}

/// By a linear congruential generator (Knuth's MMIX): in the order of their numbers the flows would
/// lie beside each other in every table that hands out its records in turn.
std::uint32_t FlowStamp::pick() {
  random_ = random_ * 6364136223846793005U + 1442695040888963407U;
  return static_cast<std::uint32_t>(((random_ >> 32) * flows_) >> 32);
}

std::uint16_t FlowStamp::write(std::uint8_t* to) {
  const std::uint32_t flow = pick();
  const unsigned which = flow & 1U;
  const auto x = static_cast<std::uint16_t>(flow >> 1);
  // Of a size that is known here: whole vectors, no call.
  constexpr std::size_t kLine = 64;
  std::memcpy(to, templates_[which].bytes, kLine);
  if (length_ > kLine) std::memcpy(to + kLine, templates_[which].bytes + kLine, kBytesMax - kLine);
  // The low half of the source address grows by x and the source port shrinks by it: the transport
  // checksum stays as it is, and the header checksum shrinks by x, in one's complement arithmetic.
  store_be16(to + kSource, ones_add(address_[which], x));
  store_be16(to + kSourcePort, ones_subtract(port_[which], x));
  std::uint16_t header = x;
  std::uint32_t choice = flow;
  for (const Variation& v : variations_) {
    choice *= 0x9e37'79b1;
    const std::uint16_t amount = v.amounts[(std::uint64_t{choice} * v.amounts.size()) >> 32];
    store_be16(to + v.grows, ones_add(load_be16(to + v.grows), amount));
    store_be16(to + v.shrinks, ones_subtract(load_be16(to + v.shrinks), amount));
    if (v.in_ip_header) header = ones_add(header, amount);
  }
  store_be16(to + kIpChecksum, ones_subtract(checksum_[which], header));
  return length_;
}

}  // namespace sluice::bench
