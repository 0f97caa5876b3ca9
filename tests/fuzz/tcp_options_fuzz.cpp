// TCP headers as they are rewritten for full NAT and PROXY headers: whatever options, numbers and
// data a stranger sends, nothing beyond the packet is touched, and checksums that were right stay
// right.
#include "dataplane/balancer/full_nat.hpp"
#include "dataplane/balancer/proxy_stream.hpp"
#include "dataplane/balancer/tcp_options.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kOptionsMost = 40, kDataMost = 1400;
constexpr unsigned kVersion6 = 1, kBinary = 2, kKeepsClient = 4, kTight = 8;
constexpr unsigned kFromBackend = 1;

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

balancer::Flow flow_of(unsigned option) {
  const bool v6 = (option & kVersion6) != 0;
  balancer::Flow flow;
  flow.client = address(v6 ? "2001:2::2" : "198.18.0.2");
  flow.service = address(v6 ? "2001:2:0:100::80" : "198.18.100.80");
  flow.backend = address(v6 ? "2001:2:0:1::11" : "198.18.1.11");
  flow.client_port = 5000;
  flow.service_port = 80;
  flow.backend_port = 8080;
  flow.protocol = ip_protocol::kTcp;
  flow.local = 1;
  return flow;
}

/// The next packet of the conversation, of either side.
test::Bytes frame_of(Input& input, const balancer::Flow& flow, const balancer::LocalEnd& end,
                     bool from_backend) {
  const std::uint8_t flags = input.u8();
  const std::uint32_t sequence = std::uint32_t{input.u16()} << 16U | input.u16();
  // Mostly near the numbers that matter.
  const std::uint32_t near = (flags & 0x80U) != 0 ? sequence : end.first + (sequence & 0x7fU) - 2;
  const auto options = input.take(input.u8() % (kOptionsMost + 1));
  const auto data = input.take(input.u16() % kDataMost);
  const FlowKey key = from_backend ? flow.reply_key(end) : flow.forward_key();
  test::PacketBuilder builder;
  builder.ip(key.source.text(), key.destination.text())
      .tcp(key.source_port, key.destination_port, flags & 0x3fU, near, near)
      .tcp_options({options.begin(), options.end()})
      .payload(test::Bytes(data.begin(), data.end()));
  return builder.build();
}

void check(Packet& packet) {
  Packet again = packet;
  again.flags = 0;
  require(parse(again) == DropReason::none, "it is a packet still");
  require(l4_checksum_right(again), "its checksum is right still");
  require(again.end == packet.end && again.payload == packet.payload, "and as long as it says");
  require(again.key == packet.key, "its key is that of the bytes");
}

void converse(unsigned option, Input& input, MemoryPool& pool) {
  const balancer::Flow flow = flow_of(option);
  balancer::LocalEnd end;
  if ((option & kKeepsClient) == 0) {
    end.address = address((option & kVersion6) != 0 ? "2001:2:0:2::1" : "198.18.2.1");
    end.port = 3000;
  }
  bool begun = false;
  for (unsigned n = 0; n < 16 && !input.empty(); ++n) {
    const bool from_backend = begun && (input.u8() & kFromBackend) != 0;
    Packet packet;
    if (!pool.load(packet, frame_of(input, flow, end, from_backend))) return;
    if (parse(packet) == DropReason::none && packet.has(packet_flag::kL4)) {
      if (!begun) balancer::begin_proxy(packet, flow, (option & kBinary) != 0 ? 2 : 1, end);
      begun = true;
      if (from_backend) {
        balancer::to_client(packet, flow, end);
        check(packet);
      } else if (balancer::to_backend(packet, flow, end) == DropReason::none) {
        check(packet);
      }
    }
    pool.release(packet);
  }
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  static MemoryPool tight({.headroom = 0, .room = 0});
  static MemoryPool wide;
  Input input(data, size);
  const unsigned option = input.u8();
  converse(option, input, (option & kTight) != 0 ? tight : wide);
  return 0;
}
