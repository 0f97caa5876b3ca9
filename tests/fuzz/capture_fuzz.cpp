// Captures to replay, pcap and pcapng: read to the end, or to an error that says in which file and
// where; what was read of a packet lies within the limit.
#include <cstdio>
#include <numeric>

#include "dataplane/replay/capture_reader.hpp"
#include "tests/fuzz/input.hpp"

namespace sluice::fuzz {
namespace {

void check_error(const Error& error) {
  require(!error.what.empty() && error.where == "fuzz.pcap" && !error.fix.empty(),
          "an error says what, where and what to do");
}

void read_all(replay::CaptureReader& reader, std::size_t size) {
  replay::CapturedPacket packet;
  std::size_t bytes = 0;
  for (std::uint64_t number = 1;; ++number) {
    const auto more = reader.next(packet);
    if (!more) return check_error(more.error());
    if (!*more) return;
    require(packet.number == number, "packets are counted");
    bytes += packet.bytes.size();
    require(bytes <= size, "no more is read than the file holds");
    const auto sum =
        std::accumulate(packet.bytes.begin(), packet.bytes.end(), packet.interface.size());
    require(sum <= 255 * packet.bytes.size() + packet.interface.size(), "every byte can be read");
  }
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  std::FILE* const file =
      size == 0 ? std::tmpfile() : fmemopen(const_cast<std::uint8_t*>(data), size, "rb");
  if (file == nullptr) return 0;
  const auto reader = replay::CaptureReader::open(replay::CaptureFile(file, "fuzz.pcap"));
  if (reader) {
    fuzz::read_all(**reader, size);
  } else {
    fuzz::check_error(reader.error());
  }
  return 0;
}
