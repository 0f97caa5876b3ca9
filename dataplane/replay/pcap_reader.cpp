#include "dataplane/replay/capture_formats.hpp"

namespace sluice::replay {
namespace {

constexpr std::size_t kRecordHeader = 16;
/// The rest of the word has the length of a frame check sequence.
constexpr std::uint32_t kLinkTypeBits = 0xffff;

}  // namespace

Result<std::unique_ptr<CaptureReader>> PcapReader::open(CaptureFile file, FileOrder order,
                                                        Nanoseconds unit) {
  std::unique_ptr<PcapReader> reader(new PcapReader(std::move(file), order, unit));
  std::array<std::uint8_t, kHeaderSize - 4> rest;
  const auto whole = reader->fill(rest);
  if (!whole) return tl::unexpected(whole.error());
  if (!*whole) return reader->cut_short();
  const unsigned major = order.u16(rest.data());
  const unsigned minor = order.u16(rest.data() + 2);
  if (major != 2 || minor < 3) {
    return fail("pcap version " + std::to_string(major) + "." + std::to_string(minor) +
                    ", of which nothing is known",
                reader->file_.name(), "convert it: tcpdump -r OLD -w NEW");
  }
  const std::uint32_t link_type = order.u32(rest.data() + 16) & kLinkTypeBits;
  if (auto checked = check_link_type(link_type, reader->file_.name()); !checked) {
    return tl::unexpected(checked.error());
  }
  return reader;
}

Result<bool> PcapReader::next(CapturedPacket& packet) {
  std::array<std::uint8_t, kRecordHeader> header;
  auto more = fill(header);
  if (!more || !*more) return more;
  const std::uint32_t captured = order_.u32(header.data() + 8);
  if (captured > kCapturedMax) {
    return damaged("a packet of " + std::to_string(captured) + " bytes, " +
                   std::to_string(kCapturedMax) + " at most");
  }
  bytes_.resize(captured);
  auto whole = fill(bytes_);
  if (!whole) return whole;
  if (!*whole && captured != 0) return cut_short();
  packet.number = ++packets_;
  packet.time = order_.u32(header.data()) * kSecond + order_.u32(header.data() + 4) * unit_;
  packet.interface = {};
  packet.original_length = order_.u32(header.data() + 12);
  packet.bytes = bytes_;
  return true;
}

}  // namespace sluice::replay
