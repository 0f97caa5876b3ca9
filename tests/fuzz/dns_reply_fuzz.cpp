// A datagram at a DNS health check: no reply, or an outcome with a reason.
#include "control/health/dns_message.hpp"
#include "tests/fuzz/input.hpp"

namespace sluice::fuzz {
namespace {

v1::DnsCheck check_of(std::uint8_t kind) {
  v1::DnsCheck check;
  check.set_name("www.example.test");
  check.set_type(static_cast<v1::DnsCheck::Type>(kind % v1::DnsCheck::Type_ARRAYSIZE));
  if ((kind & 0x80) != 0) return check;
  check.set_answer(check.type() == v1::DnsCheck::A      ? "198.18.1.11"
                   : check.type() == v1::DnsCheck::AAAA ? "2001:2::1"
                                                        : "ns1.example.test");
  return check;
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  if (size == 0) return 0;
  const v1::DnsCheck check = fuzz::check_of(data[0]);
  const std::string query = health::dns_query(check, 0x1234);
  std::string reply(reinterpret_cast<const char*>(data) + 1, size - 1);
  // As it came, and with a head and a question that fit: what is behind them is the point.
  for (const bool fitting : {false, true}) {
    if (fitting && reply.size() > query.size()) {
      const std::string counts = reply.substr(6, 6);
      reply.replace(0, query.size(), query);
      reply[2] = static_cast<char>(0x81);
      reply[3] = 0;
      reply.replace(6, 6, counts);
    }
    const auto outcome = health::judge_dns(check, query, reply);
    if (!outcome) continue;
    fuzz::require(outcome->kind != health::Outcome::Kind::not_run, "a reply was asked for");
    fuzz::require(!outcome->reason.empty(), "a reason");
  }
  return 0;
}
