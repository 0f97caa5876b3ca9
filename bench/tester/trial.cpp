#include "bench/tester/trial.hpp"

#include <algorithm>
#include <array>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::tester {
namespace {

constexpr unsigned kFcs = 4;
constexpr std::size_t kIp = 14, kUdp = kIp + 20, kPayload = kUdp + 8;
constexpr std::uint16_t kFirstPort = 1024, kDiscard = 9;
constexpr std::uint32_t kMagic = 0x25442544;  ///< starts the payload; the trial's number follows
constexpr unsigned kBurst = 32;
/// RFC 2544 section 23: frames that are still under way get two seconds.
constexpr Nanoseconds kPatience = 2 * kSecond;
/// A port that cannot keep up with the rate ends the trial when it is this much late.
constexpr double kLate = 1.2;

}  // namespace

Tester::Tester(PortQueue& tx, PortQueue& rx, PacketPool& pool, Clock& clock,
               const FrameFields& fields)
    : tx_(tx), rx_(rx), pool_(pool), clock_(clock), fields_(fields) {}

/// A UDP datagram to the discard port (RFC 863) without a UDP checksum, so that the source port may
/// vary.
void Tester::make_template(unsigned size) {
  template_.assign(size - kFcs, 0);
  std::uint8_t* at = template_.data();
  std::copy_n(fields_.to_mac.bytes.data(), 6, at);
  std::copy_n(fields_.from_mac.bytes.data(), 6, at + 6);
  store_be16(at + 12, 0x0800);
  std::uint8_t* ip = at + kIp;
  ip[0] = 0x45;
  store_be16(ip + 2, static_cast<std::uint16_t>(template_.size() - kIp));
  ip[8] = 64;
  ip[9] = ip_protocol::kUdp;
  std::copy_n(fields_.source.network(), 4, ip + 12);
  std::copy_n(fields_.destination.network(), 4, ip + 16);
  store_be16(ip + 10, checksum_finish(checksum_sum({ip, 20})));
  store_be16(at + kUdp + 2, kDiscard);
  store_be16(at + kUdp + 4, static_cast<std::uint16_t>(template_.size() - kUdp));
  store_be32(at + kPayload, kMagic);
  store_be32(at + kPayload + 4, ++trial_);
}

void Tester::write(Packet& packet, std::uint64_t number) const {
  std::copy(template_.begin(), template_.end(), packet.data);
  packet.length = static_cast<std::uint16_t>(template_.size());
  store_be16(packet.data + kUdp, static_cast<std::uint16_t>(kFirstPort + number % fields_.flows));
}

/// Returns how many the port took.
unsigned Tester::offer(std::uint64_t first, unsigned count) {
  std::array<Packet, kBurst> packets;
  std::array<Packet*, kBurst> pointers;
  unsigned made = 0;
  for (; made < count && pool_.allocate(packets[made]); ++made) {
    write(packets[made], first + made);
    pointers[made] = &packets[made];
  }
  const unsigned taken = tx_.send({pointers.data(), made});
  tx_.release({pointers.data() + taken, made - taken});
  return taken;
}

bool Tester::is_ours(const Packet& p) const {
  return p.length >= kPayload + 8 && load_be16(p.data + 12) == 0x0800 &&
         load_be32(p.data + kPayload) == kMagic && load_be32(p.data + kPayload + 4) == trial_;
}

/// What arrives by either port is taken off; frames of this trial by the second are counted.
void Tester::listen() {
  for (PortQueue* queue : {&rx_, &tx_}) {
    std::array<Packet, kBurstMax> packets;
    std::array<Packet*, kBurstMax> pointers;
    const unsigned n = queue->receive(packets);
    for (unsigned i = 0; i < n; ++i) {
      pointers[i] = &packets[i];
      if (queue == &rx_ && is_ours(packets[i])) ++received_;
    }
    queue->release({pointers.data(), n});
  }
}

TrialResult Tester::run(const Trial& trial) {
  make_template(trial.size);
  received_ = 0;
  TrialResult result{.size = trial.size};
  const auto total = static_cast<std::uint64_t>(trial.rate * trial.seconds);
  const Nanoseconds begin = clock_.now();
  for (Nanoseconds now = begin;; now = clock_.now()) {
    const double elapsed = static_cast<double>(now - begin) / static_cast<double>(kSecond);
    const bool limited = trial.rate > 0;
    if (limited ? result.offered >= total || elapsed > trial.seconds * kLate
                : elapsed >= trial.seconds)
      break;
    const std::uint64_t due =
        limited ? std::min(total, 1 + static_cast<std::uint64_t>(elapsed * trial.rate))
                : result.offered + kBurst;
    if (due > result.offered) {
      const auto wanted =
          static_cast<unsigned>(std::min<std::uint64_t>(kBurst, due - result.offered));
      const unsigned taken = offer(result.offered, wanted);
      result.refused += taken < wanted ? 1 : 0;
      result.offered += taken;
      result.seconds = static_cast<double>(clock_.now() - begin) / static_cast<double>(kSecond);
    }
    listen();
  }
  const Nanoseconds end = clock_.now() + kPatience;
  while (received_ < result.offered && clock_.now() < end) listen();
  result.received = received_;
  return result;
}

}  // namespace sluice::tester
