// Zone files: what compiles is served, what does not is refused with the line of every mistake. All
// answers for the names of a compiled zone are well-formed.
#include "dataplane/dns/stages.hpp"
#include "dataplane/dns/zone/zone_file.hpp"
#include "tests/fuzz/dns_message.hpp"
#include "tests/fuzz/input.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kTextMax = 4096;
constexpr std::size_t kQueriesMax = 16;
constexpr std::uint16_t kTypeAny = 255, kTypeSoa = 6;

std::vector<std::uint8_t> query(std::string_view name, std::uint16_t type) {
  std::vector<std::uint8_t> out{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  out.insert(out.end(), name.begin(), name.end());
  for (const unsigned byte : {unsigned{type} >> 8U, type & 0xffU, 0U, 1U})
    out.push_back(static_cast<std::uint8_t>(byte));
  return out;
}

DnsMessage ask(const dns::ZoneSet& zones, std::string_view name, std::uint16_t type) {
  static std::vector<std::uint8_t> buffer(65535);
  const auto asked = query(name, type);
  const auto answer = dns::answer_stream(zones, asked, buffer);
  check_dns_answer(asked, answer);
  return read_dns(answer);
}

void check_served(const dns::ZoneSource& source, const dns::ZoneSet& zones) {
  const auto read = dns::read_zone_file(source);
  require(read.has_value(), "what compiled can be read");
  require(ask(zones, read->origin, kTypeSoa).rcode() == 0, "a zone answers for its origin");
  std::size_t queries = 0;
  for (const dns::Record& record : read->records) {
    if (++queries > kQueriesMax) break;
    require(ask(zones, record.owner, record.type).rcode() != 3, "a name of the zone exists");
    static_cast<void>(ask(zones, record.owner, kTypeAny));
    if (record.owner.size() <= 250) static_cast<void>(ask(zones, "\3abc" + record.owner, 1));
  }
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  dns::Source source;
  source.zones = {{"example.test", std::string(text_of(Input(data, size).take(kTextMax))), "z"}};
  SlotRegistry slots(64);
  const auto compiled = dns::compile(source, slots);
  if (compiled) {
    check_served(source.zones[0], **compiled);
    return 0;
  }
  require(!compiled.error().empty(), "a refusal has a reason");
  for (const Error& error : compiled.error()) {
    require(!error.what.empty(), "a mistake is described");
    require(error.where.starts_with("z"), "a mistake names its file");
  }
  return 0;
}
