#include "bench/path/stamped_queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <random>

#include "dataplane/packet/bytes.hpp"

namespace sluice::bench {
namespace {

constexpr std::size_t kIpChecksum = 14 + 10, kSource = 14 + 12, kSourcePort = 14 + 20;

[[nodiscard]] std::uint16_t ones_add(std::uint16_t a, std::uint16_t b) {
  const std::uint32_t sum = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}
[[nodiscard]] std::uint16_t ones_subtract(std::uint16_t a, std::uint16_t b) {
  return ones_add(a, static_cast<std::uint16_t>(~b));
}

void add_to(std::uint8_t* word, std::uint16_t x) {
  store_be16(word, ones_add(load_be16(word), x));
}
void subtract_from(std::uint8_t* word, std::uint16_t x) {
  store_be16(word, ones_subtract(load_be16(word), x));
}

/// Makes the template's frame the flow's. The source address grows by the flow's number, each half
/// by a part of it, and the source port shrinks by both parts: the transport checksum stays as it
/// is, and the header checksum shrinks by them, in one's complement arithmetic.
void become(std::uint8_t* frame, std::uint32_t flow, const std::vector<Variation>& variations) {
  const auto high = static_cast<std::uint16_t>(flow & 1U);
  const auto low = static_cast<std::uint16_t>(flow >> 1);
  add_to(frame + kSource, high);
  add_to(frame + kSource + 2, low);
  subtract_from(frame + kSourcePort, ones_add(high, low));
  subtract_from(frame + kIpChecksum, ones_add(high, low));
  std::uint32_t choice = flow;
  for (const Variation& v : variations) {
    choice *= 0x9e37'79b1;
    const std::uint16_t amount = v.amounts[(std::uint64_t{choice} * v.amounts.size()) >> 32];
    add_to(frame + v.grows, amount);
    subtract_from(frame + v.shrinks, amount);
    if (v.in_ip_header) subtract_from(frame + kIpChecksum, amount);
  }
}

/// One past the last octet in which a flow's frame may differ from its template.
[[nodiscard]] std::size_t end_of(const std::vector<Variation>& variations) {
  std::size_t end = kSourcePort + 2;
  for (const Variation& v : variations) {
    assert(v.grows >= kIpChecksum && v.shrinks >= kIpChecksum);
    end = std::max({end, v.grows + std::size_t{2}, v.shrinks + std::size_t{2}});
  }
  return end;
}

}  // namespace

FlowStamp::FlowStamp(const std::vector<std::uint8_t>& frame, std::uint32_t flows,
                     const std::vector<Variation>& variations)
    : template_{},
      length_(static_cast<std::uint16_t>(frame.size())),
      pieces_((end_of(variations) - kFirst + kPiece - 1) / kPiece) {
  assert(frame.size() <= kBytesMax && flows <= 131'072);
  assert(kFirst + pieces_ * kPiece <= kBytesMax);
  std::memcpy(template_.bytes, frame.data(), frame.size());
  // In the order of their numbers the flows would lie beside each other in every table that hands
  // out its records in turn.
  std::vector<std::uint32_t> order(flows);
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937_64{1});  // NOLINT(cert-msc51-cpp)
  images_.resize(flows * pieces_);
  for (std::size_t i = 0; i < flows; ++i) {
    Template made = template_;
    become(made.bytes, order[i], variations);
    std::memcpy(&images_[i * pieces_], made.bytes + kFirst, pieces_ * kPiece);
  }
}

void FlowStamp::write(std::span<Packet> packets) {
  const Image* from = images_.data() + next_;
  const Image* const end = images_.data() + images_.size();
  for (Packet& p : packets) {
    write(p.data, from);
    p.length = length_;
    from += pieces_;
    if (from == end) from = images_.data();
  }
  next_ = static_cast<std::size_t>(from - images_.data());
}

/// Of sizes that are known here: whole vectors, no calls.
inline void FlowStamp::write(std::uint8_t* to, const Image* image) const {
  constexpr std::size_t kLine = 64;
  std::memcpy(to, template_.bytes, kLine);
  if (length_ > kLine) std::memcpy(to + kLine, template_.bytes + kLine, kBytesMax - kLine);
  std::memcpy(to + kFirst, image, kPiece);
  for (std::size_t i = 1; i < pieces_; ++i)
    std::memcpy(to + kFirst + i * kPiece, image + i, kPiece);
}

}  // namespace sluice::bench
