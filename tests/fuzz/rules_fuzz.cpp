// The firewall's language: what is written compiles and filters packets, or is refused with the
// line and column of every mistake.
#include <charconv>

#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/firewall/stages.hpp"
#include "dataplane/firewall/tracker.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kTextMax = 4096;

bool is_number(std::string_view text) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc{} && end == text.data() + text.size() && value > 0;
}

/// "edge:LINE:COLUMN".
bool names_a_place(std::string_view where) {
  if (!where.starts_with("edge:")) return false;
  where.remove_prefix(5);
  const std::size_t colon = where.find(':');
  return colon != std::string_view::npos && is_number(where.substr(0, colon)) &&
         is_number(where.substr(colon + 1));
}

std::vector<test::Bytes> frames() {
  using test::packet;
  return {packet().ip("198.18.0.2", "198.18.1.11").tcp(5000, 80, tcp_flag::kSyn).build(),
          packet().ip("2001:2::2", "2001:2:0:1::11").udp(5000, 53).payload("x").build(),
          packet().ip("198.18.0.2", "198.18.1.11").echo_request(7).build(),
          packet().ip("2001:2::2", "2001:2:0:1::11").fragment(0, true).udp(1, 2).build()};
}

void filter_packets(const firewall::RuleSet& rules, const firewall::Source& source) {
  static const auto packets = frames();
  test::StageHarness harness;
  firewall::Tracker tracker(source.tracking);
  test::TestBurst burst(harness, packets);
  firewall::early(rules, burst.burst, burst.plain);
  firewall::track(harness.context, rules, tracker, burst.burst);
  firewall::filter(harness.context, rules, tracker, burst.burst, 0b0101);
  for (unsigned i = 0; i < packets.size(); ++i)
    if (burst[i].rule != 0)
      require(!rules.rule_name(burst[i].rule - 1).empty(), "rules have names");
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::fuzz;
  firewall::Source source;
  source.rules = {{"edge", std::string(text_of(Input(data, size).take(kTextMax))), "edge:1"}};
  source.sets = {{"blocked", {*Prefix::parse("198.18.0.128/25"), *Prefix::parse("2001:2::/64")}}};
  source.ports = {{"wan", 0}, {"lan", 1}};
  source.tracking.connections_max = 16;
  SlotRegistry slots(256);
  const auto compiled = firewall::compile(source, slots);
  if (compiled) {
    filter_packets(**compiled, source);
    return 0;
  }
  require(!compiled.error().empty(), "a refusal has a reason");
  for (const Error& error : compiled.error()) {
    require(!error.what.empty(), "a mistake is described");
    if (!names_a_place(error.where)) std::fprintf(stderr, "%s\n", error.text().c_str());
    require(names_a_place(error.where), "a mistake has a line and a column");
  }
  return 0;
}
