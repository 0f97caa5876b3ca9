// The packet parser: whatever the frame, every offset it leaves lies inside the frame and in order.
#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kFrameMax = 2048;

void check_offsets(const Packet& p) {
  require(p.l3 <= p.length, "the network header begins inside the frame");
  require(p.end <= p.length, "the network packet ends inside the frame");
  if (p.ether_type == 0x0806) return;
  require(p.has(packet_flag::kIp), "what is neither ARP nor dropped is IP");
  require(p.ip_version == 4 || p.ip_version == 6, "IP has a version");
  require(p.l3 < p.l4 && p.l4 <= p.end, "the transport header follows the network header");
  if (!p.has(packet_flag::kL4)) return;
  require(p.l4 < p.payload && p.payload <= p.end, "the payload follows the transport header");
  require(!p.has(packet_flag::kLaterFragment), "a later fragment has no transport header");
}

void look_at(std::span<const std::uint8_t> frame) {
  // The buffer ends where the frame ends, so that a read past it is seen.
  static MemoryPool pool({.headroom = 0, .room = 0});
  Packet packet;
  if (!pool.load(packet, frame)) return;
  if (parse(packet) == DropReason::none) {
    check_offsets(packet);
    Packet again = packet;
    require(parse(again) == DropReason::none && again.key == packet.key &&
                again.payload == packet.payload,
            "a second look finds the same");
  }
  pool.release(packet);
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  if (size > fuzz::kFrameMax) return 0;
  fuzz::look_at({data, size});
  // Right checksums, which mutation cannot guess, open the way to the rest.
  fuzz::look_at(test::with_checksums(test::Bytes(data, data + size)));
  return 0;
}
