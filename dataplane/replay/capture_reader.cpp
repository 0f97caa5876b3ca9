#include "dataplane/replay/capture_reader.hpp"

#include "dataplane/replay/capture_formats.hpp"

namespace sluice::replay {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;

}  // namespace

Result<std::unique_ptr<CaptureReader>> CaptureReader::open(const std::string& path) {
  auto file = CaptureFile::open(path);
  if (!file) return tl::unexpected(file.error());
  return open(*std::move(file));
}

Result<std::unique_ptr<CaptureReader>> CaptureReader::open(CaptureFile file) {
  std::array<std::uint8_t, 4> magic{};
  const auto got = file.read(magic);
  if (!got) return tl::unexpected(got.error());
  for (const bool swapped : {false, true}) {
    const FileOrder order{swapped};
    const std::uint32_t number = *got == magic.size() ? order.u32(magic.data()) : 0;
    if (number == kMicroseconds) return PcapReader::open(std::move(file), order, kMicrosecond);
    if (number == kNanoseconds) return PcapReader::open(std::move(file), order, 1);
    if (number == PcapngReader::kSectionHeader) return PcapngReader::open(std::move(file));
  }
  return fail(*got == 0 ? "the file is empty" : "this is no capture: it begins otherwise",
              file.name(), "give a pcap or pcapng file, unpacked");
}

Result<bool> CaptureBase::fill(std::span<std::uint8_t> out) {
  const auto got = file_.read(out);
  if (!got) return tl::unexpected(got.error());
  if (*got == out.size()) return true;
  if (*got == 0) return false;
  return cut_short();
}

tl::unexpected<Error> CaptureBase::damaged(const std::string& what) const {
  return fail("damaged after packet " + std::to_string(packets_) + ", before byte " +
                  std::to_string(file_.offset()) + ": " + what,
              file_.name(), "what comes before it can be replayed");
}

tl::unexpected<Error> CaptureBase::cut_short() const {
  return fail("the capture ends within packet or block " + std::to_string(packets_ + 1) +
                  ", at byte " + std::to_string(file_.offset()),
              file_.name(), "what comes before it can be replayed");
}

Result<void> check_link_type(std::uint32_t type, const std::string& file) {
  if (type == kLinkEthernet) return {};
  return fail("frames of link type " + std::to_string(type) + ", not Ethernet (1)", file,
              "capture at one Ethernet interface, not at \"any\"");
}

}  // namespace sluice::replay
