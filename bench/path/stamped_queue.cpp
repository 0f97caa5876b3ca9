#include "bench/path/stamped_queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>

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
  const auto high = static_cast<std::uint16_t>(flow >> 16);
  const auto low = static_cast<std::uint16_t>(flow);
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

FlowStamp::FlowStamp(const std::vector<Frame>& templates, std::uint32_t flows,
                     std::uint32_t fresh_percent, std::vector<Variation> variations)
    : variations_(std::move(variations)),
      pieces_((end_of(variations_) - kFirst + kPiece - 1) / kPiece),
      fresh_percent_(fresh_percent),
      fresh_number_(flows) {
  assert(kFirst + pieces_ * kPiece <= kBytesMax);
  for (const Frame& frame : templates) {
    Template& base = templates_.emplace_back();
    base = {.bytes = {}, .length = static_cast<std::uint16_t>(frame.size())};
    std::memcpy(base.bytes, frame.data(), std::min(frame.size(), kBytesMax));
  }
  order_.resize(flows);
  std::iota(order_.begin(), order_.end(), 0U);
  images_.resize(flows * pieces_);
  shuffle();
}

void FlowStamp::shuffle() {
  std::shuffle(order_.begin(), order_.end(), random_);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    Template made = templates_[i % templates_.size()];
    become(made.bytes, order_[i], variations_);
    std::memcpy(&images_[i * pieces_], made.bytes + kFirst, pieces_ * kPiece);
  }
  next_ = turn_ = 0;
}

/// Of sizes that are known here: whole vectors, no calls.
inline void FlowStamp::put(const Template& base, std::uint8_t* to) {
  constexpr std::size_t kLine = 64;
  std::memcpy(to, base.bytes, kLine);
  if (base.length > kLine) std::memcpy(to + kLine, base.bytes + kLine, kBytesMax - kLine);
}

inline void FlowStamp::put(const Template& base, const Image* image, Packet& p) const {
  put(base, p.data);
  std::memcpy(p.data + kFirst, image, kPiece);
  for (std::size_t i = 1; i < pieces_; ++i)
    std::memcpy(p.data + kFirst + i * kPiece, image + i, kPiece);
  p.length = base.length;
}

/// With what stands still in registers: nothing else is done for most loads.
void FlowStamp::write_known(std::span<Packet> packets) {
  const Template base = templates_.front();
  const Image* image = images_.data() + next_;
  const Image* const end = images_.data() + images_.size();
  for (Packet& p : packets) {
    put(base, image, p);
    image += pieces_;
    if (image == end) image = images_.data();
  }
  next_ = static_cast<std::size_t>(image - images_.data());
}

void FlowStamp::write_next(Packet& p) {
  put(templates_[turn_], images_.data() + next_, p);
  next_ += pieces_;
  if (++turn_ == templates_.size()) turn_ = 0;
  if (next_ == images_.size()) next_ = turn_ = 0;
}

void FlowStamp::write_fresh(Packet& p) {
  const Template& base = templates_.front();
  put(base, p.data);
  become(p.data, fresh_number_++, variations_);
  p.length = base.length;
}

void FlowStamp::write(std::span<Packet> packets) {
  if (templates_.size() == 1 && fresh_percent_ == 0) return write_known(packets);
  for (Packet& p : packets) {
    fresh_due_ += fresh_percent_;
    if (fresh_due_ < 100) {
      write_next(p);
    } else {
      fresh_due_ -= 100;
      write_fresh(p);
    }
  }
}

}  // namespace sluice::bench
