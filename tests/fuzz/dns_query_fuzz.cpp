// A datagram to the name server: it is answered, or dropped as malformed. An answer is well-formed,
// no larger than its asker takes, and in a frame that our own parser takes; the stream path gives
// the same one.
#include "dataplane/dns/query.hpp"
#include "dataplane/dns/zone_set.hpp"
#include "dataplane/packet/bytes.hpp"
#include "tests/fuzz/dns_message.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/stage_harness.hpp"
#include "tests/support/world.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kQueryMax = 1400;
constexpr unsigned kVersion6 = 1, kOptions = 2;

test::Bytes frame_of(unsigned option, std::span<const std::uint8_t> query) {
  test::PacketBuilder builder;
  const bool v6 = (option & kVersion6) != 0;
  builder.ip(v6 ? "2001:2::2" : "198.18.0.2", v6 ? "2001:2:0:100::53" : "198.18.100.53");
  if ((option & kOptions) != 0) {
    if (v6) {
      builder.extension(60, {0, 1, 4, 0, 0, 0, 0});
    } else {
      builder.ip_options({1, 1, 1});
    }
  }
  return builder.udp(4000, 53).payload({query.begin(), query.end()}).build();
}

void check_reply(std::span<const std::uint8_t> query, test::Bytes frame) {
  Packet reply;
  reply.data = frame.data();
  reply.length = static_cast<std::uint16_t>(frame.size());
  require(parse(reply) == DropReason::none, "the reply's frame is well-formed");
  require(reply.key.source_port == 53 && reply.key.destination_port == 4000, "it goes back");
  const std::span<const std::uint8_t> answer(reply.data + reply.payload,
                                             std::size_t{reply.end} - reply.payload);
  check_dns_answer(query, answer);
  const dns::Query read = dns::read_query(query);
  require(answer.size() <= std::max<std::size_t>(512, std::min<std::size_t>(read.payload, 1232)),
          "an answer is no larger than its asker takes");

  test::Bytes buffer(65535);
  const auto streamed = dns::answer_stream(*test::world_zones(), query, buffer);
  check_dns_answer(query, streamed);
  const DnsMessage over_udp = read_dns(answer);
  const DnsMessage over_tcp = read_dns(streamed);
  require(!over_tcp.truncated(), "a stream truncates nothing");
  require(over_udp.rcode() == over_tcp.rcode(), "both ways answer with the same code");
  if (!over_udp.truncated() && answer.size() == streamed.size())
    require(std::equal(answer.begin(), answer.end(), streamed.begin()), "both ways say the same");
}

void ask(unsigned option, std::span<const std::uint8_t> query) {
  static test::StageHarness harness;
  test::TestBurst burst(harness, {frame_of(option, query)});
  Packet& packet = burst[0];
  require(packet.verdict == Verdict::none, "the frame around a query parses");
  dns::answer(harness.context, *test::world_zones(), burst.burst, 1);
  if (packet.verdict == Verdict::dropped) {
    require(packet.reason == DropReason::dns_malformed, "what is no query is malformed");
    return;
  }
  require(packet.verdict == Verdict::answered, "a query is answered");
  require(packet.length <= packet.room, "the reply fits its buffer");
  check_reply(query, burst.bytes(0));
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(data, size);
  const unsigned option = input.u8();
  ask(option, input.take(kQueryMax));
  return 0;
}
