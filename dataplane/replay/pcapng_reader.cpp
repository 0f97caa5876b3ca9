#include "dataplane/replay/capture_formats.hpp"

namespace sluice::replay {
namespace {

namespace block {
constexpr std::uint32_t kInterface = 1, kPacket = 2, kSimplePacket = 3, kEnhancedPacket = 6;
}
namespace option {
constexpr std::uint16_t kEnd = 0, kName = 2, kResolution = 9, kOffset = 14;
}

constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kFrame = 12;  ///< type and length before a block's body, length behind it
constexpr std::uint32_t kBlockMax = 16U << 20U;
constexpr std::size_t kInterfacesMax = 4096;
constexpr std::size_t kNameMax = 255;

struct Time {
  std::uint64_t seconds = 0;
  std::uint64_t nanoseconds = 0;
};

std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t power = 1;
  for (unsigned i = 0; i < exponent; ++i) power *= 10;
  return power;
}

Time from_decimal(std::uint64_t units, unsigned digits) {
  constexpr unsigned kNano = 9, kMost = 28;  // a digit more, and no number of units is a nanosecond
  if (digits > kMost) return {};
  if (digits > kNano) return {0, units / power_of_ten(digits - kNano)};
  const std::uint64_t whole = power_of_ten(digits);
  return {units / whole, units % whole * power_of_ten(kNano - digits)};
}

Time from_binary(std::uint64_t units, unsigned bits) {
  constexpr unsigned kMost = 63, kPrecise = 32;  // so that a fraction times 10^9 fits
  if (bits > kMost) {
    units = bits - kMost < 64 ? units >> (bits - kMost) : 0;
    bits = kMost;
  }
  const std::uint64_t seconds = units >> bits;
  std::uint64_t fraction = units & ((std::uint64_t{1} << bits) - 1);
  if (bits > kPrecise) {
    fraction >>= bits - kPrecise;
    bits = kPrecise;
  }
  return {seconds, fraction * kSecond >> bits};
}

}  // namespace

std::optional<Nanoseconds> TimeUnit::time_of(std::uint64_t units) const {
  constexpr std::uint64_t kSecondsMax = std::uint64_t{1} << 33U;  // the year 2242
  constexpr auto kOffsetMax = static_cast<std::int64_t>(kSecondsMax);
  const bool binary = (resolution & 0x80U) != 0;
  const unsigned exponent = resolution & 0x7fU;
  const Time time = binary ? from_binary(units, exponent) : from_decimal(units, exponent);
  if (time.seconds > kSecondsMax) return std::nullopt;
  if (offset_seconds < -kOffsetMax || offset_seconds > kOffsetMax) return std::nullopt;
  const std::int64_t seconds = static_cast<std::int64_t>(time.seconds) + offset_seconds;
  if (seconds < 0 || seconds > kOffsetMax) return std::nullopt;
  return static_cast<Nanoseconds>(seconds) * kSecond + time.nanoseconds;
}

Result<std::unique_ptr<CaptureReader>> PcapngReader::open(CaptureFile file) {
  std::unique_ptr<PcapngReader> reader(new PcapngReader(std::move(file)));
  if (auto begun = reader->begin_section(); !begun) return tl::unexpected(begun.error());
  return reader;
}

/// A section header, from behind its type. It says in which byte order the section is written.
Result<void> PcapngReader::begin_section() {
  std::array<std::uint8_t, 8> head;
  const auto whole = fill(head);
  if (!whole) return tl::unexpected(whole.error());
  if (!*whole) return cut_short();
  order_ = {};
  if (order_.u32(head.data() + 4) != kByteOrderMagic) order_.swapped = true;
  if (order_.u32(head.data() + 4) != kByteOrderMagic) {
    return damaged("a section without a byte order");
  }
  interfaces_.clear();
  const std::uint32_t length = order_.u32(head.data());
  if (length < kFrame + 16) return damaged("a section header that is too short");
  if (auto read = read_body(length - 4); !read) return read;
  const unsigned major = order_.u16(body_.data());
  if (major == 1) return {};
  return fail("pcapng version " + std::to_string(major) + ", of which nothing is known",
              file_.name(), "convert it: editcap -F pcapng OLD NEW");
}

/// What lies between the head of a block and the length behind it, which is checked.
Result<void> PcapngReader::read_body(std::uint32_t length) {
  if (length < kFrame || length % 4 != 0 || length > kBlockMax) {
    return damaged("a block of " + std::to_string(length) + " bytes");
  }
  body_.resize(length - 8);
  const auto whole = fill(body_);
  if (!whole) return tl::unexpected(whole.error());
  if (!*whole) return cut_short();
  body_.resize(length - kFrame);
  return {};
}

/// Reads the next block but section headers, which it takes in. False at the end.
Result<bool> PcapngReader::next_block(std::uint32_t& type) {
  for (;;) {
    std::array<std::uint8_t, 4> word;
    auto more = fill(word);
    if (!more || !*more) return more;
    type = order_.u32(word.data());
    if (type == kSectionHeader) {
      if (auto begun = begin_section(); !begun) return tl::unexpected(begun.error());
      continue;
    }
    auto whole = fill(word);
    if (!whole) return whole;
    if (!*whole) return cut_short();
    if (auto read = read_body(order_.u32(word.data())); !read) return tl::unexpected(read.error());
    return true;
  }
}

Result<bool> PcapngReader::next(CapturedPacket& packet) {
  for (;;) {
    std::uint32_t type = 0;
    auto more = next_block(type);
    if (!more || !*more) return more;
    if (type == block::kEnhancedPacket || type == block::kPacket) {
      return enhanced_packet(packet, type == block::kPacket);
    }
    if (type == block::kSimplePacket) return simple_packet(packet);
    if (type != block::kInterface) continue;
    if (auto added = add_interface(); !added) return tl::unexpected(added.error());
  }
}

Result<void> PcapngReader::add_interface() {
  if (body_.size() < 8) return damaged("an interface description that is too short");
  if (interfaces_.size() == kInterfacesMax) {
    return damaged("more than " + std::to_string(kInterfacesMax) + " interfaces");
  }
  if (auto checked = check_link_type(order_.u16(body_.data()), file_.name()); !checked) {
    return checked;
  }
  Interface& interface = interfaces_.emplace_back();
  interface.snap_length = order_.u32(body_.data() + 4);
  return read_options(std::span(body_).subspan(8), interface);
}

Result<void> PcapngReader::read_options(std::span<const std::uint8_t> options, Interface& to) {
  while (options.size() >= 4) {
    const std::uint16_t code = order_.u16(options.data());
    const std::size_t length = order_.u16(options.data() + 2);
    const std::size_t padded = (length + 3) / 4 * 4;
    if (code == option::kEnd) return {};
    if (options.size() - 4 < padded) return damaged("an option longer than its block");
    const std::uint8_t* value = options.data() + 4;
    if (code == option::kName) {
      to.name.assign(value, value + std::min(length, kNameMax));
      to.name.resize(std::min(to.name.find('\0'), to.name.size()));
    }
    if (code == option::kResolution && length >= 1) to.unit.resolution = value[0];
    if (code == option::kOffset && length >= 8) {
      to.unit.offset_seconds = static_cast<std::int64_t>(order_.u64(value));
    }
    options = options.subspan(4 + padded);
  }
  return {};
}

/// The enhanced packet block, and the packet block that it replaced: only the first word differs.
Result<bool> PcapngReader::enhanced_packet(CapturedPacket& packet, bool old_form) {
  constexpr std::size_t kHead = 20;
  if (body_.size() < kHead) return damaged("a packet block that is too short");
  const std::uint32_t index = old_form ? order_.u16(body_.data()) : order_.u32(body_.data());
  const std::uint32_t captured = order_.u32(body_.data() + 12);
  if (index >= interfaces_.size()) {
    return damaged("a packet of interface " + std::to_string(index) + ", which is not described");
  }
  if (captured > kCapturedMax || captured > body_.size() - kHead) {
    return damaged("a packet of " + std::to_string(captured) + " bytes, more than its block holds");
  }
  const Interface& interface = interfaces_[index];
  const std::uint64_t high = order_.u32(body_.data() + 4);
  const auto time = interface.unit.time_of(high << 32U | order_.u32(body_.data() + 8));
  if (!time) return damaged("a time before 1970 or after 2242");
  time_ = *time;
  packet.number = ++packets_;
  packet.time = time_;
  packet.interface = interface.name;
  packet.original_length = order_.u32(body_.data() + 16);
  packet.bytes = std::span(body_).subspan(kHead, captured);
  return true;
}

/// Has neither time nor interface: it is of the first, at the time of the packet before it.
Result<bool> PcapngReader::simple_packet(CapturedPacket& packet) {
  if (body_.size() < 4) return damaged("a packet block that is too short");
  if (interfaces_.empty()) return damaged("a packet of interface 0, which is not described");
  const Interface& interface = interfaces_.front();
  const std::uint32_t original = order_.u32(body_.data());
  std::size_t captured = original;
  if (interface.snap_length != 0) captured = std::min<std::size_t>(captured, interface.snap_length);
  captured = std::min(captured, body_.size() - 4);
  if (captured > kCapturedMax) {
    return damaged("a packet of " + std::to_string(captured) + " bytes, " +
                   std::to_string(kCapturedMax) + " at most");
  }
  packet.number = ++packets_;
  packet.time = time_;
  packet.interface = interface.name;
  packet.original_length = original;
  packet.bytes = std::span(body_).subspan(4, captured);
  return true;
}

}  // namespace sluice::replay
