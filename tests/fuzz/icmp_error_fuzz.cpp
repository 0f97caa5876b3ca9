// What ICMP errors quote of balanced flows: whatever a stranger quotes, it is read inside the
// error, and an error that was translated still has the checksums that it needs.
#include "dataplane/balancer/icmp_error.hpp"
#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kQuoteMax = 1400;
constexpr unsigned kVersion6 = 1, kToBackend = 2;

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

test::Bytes error_of(bool v6, std::span<const std::uint8_t> quoted) {
  test::PacketBuilder builder;
  builder.ip(v6 ? "2001:2:0:1::11" : "198.18.1.11", v6 ? "2001:2::2" : "198.18.0.2");
  if (v6) {
    builder.icmp(1, 4);
  } else {
    builder.icmp(3, 3);
  }
  return builder.payload({quoted.begin(), quoted.end()}).build();
}

void check_quote(const Packet& error, const balancer::Quote& quote) {
  const auto& headers = quote.headers;
  const std::uint8_t* const end = error.data + error.end;
  require(headers.l3 >= error.data + error.payload, "the quote begins inside the error");
  require(headers.l4 > headers.l3 && headers.l4 <= end, "its transport header too");
  require(headers.l4_available <= static_cast<std::size_t>(end - headers.l4), "and ends there");
  require(quote.key.source == error.key.destination, "it was sent by whom the error tells");
}

void translate(unsigned option, Packet& error) {
  const auto quote = balancer::quote_of(error);
  if (!quote) return;
  check_quote(error, *quote);
  const bool v6 = (option & kVersion6) != 0;
  const IpAddress other = address(v6 ? "2001:2:0:100::80" : "198.18.100.80");
  if ((option & kToBackend) != 0) {
    balancer::translate_error(error, *quote, other, 8080);
    require(error.key.destination == other, "the backend gets the error");
  } else {
    balancer::restore_error(error, *quote, other, 80);
  }
  Packet again = error;
  again.flags = 0;
  require(parse(again) == DropReason::none, "the error's checksums are right");
  require(again.key == error.key, "the key is that of the bytes");
  require(balancer::quote_of(again).has_value() ==
              (again.key.destination == quote->key.source || (option & kToBackend) != 0),
          "the quote is still one");
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  static MemoryPool pool({.headroom = 0, .room = 0});
  Input input(data, size);
  const unsigned option = input.u8();
  Packet packet;
  if (!pool.load(packet, error_of((option & kVersion6) != 0, input.take(kQuoteMax)))) return 0;
  if (parse(packet) == DropReason::none) translate(option, packet);
  pool.release(packet);
  return 0;
}
