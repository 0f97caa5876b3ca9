#include "tests/unit/firewall/firewall_harness.hpp"

namespace sluice::firewall::test {
namespace {

std::shared_ptr<const RuleSet> compiled(const Source& source, SlotRegistry& slots) {
  auto rules = compile(source, slots);
  if (!rules) throw std::invalid_argument(rules.error().at(0).text());
  return *rules;
}

}  // namespace

Source source_of(std::string_view text) {
  Source source;
  source.rules.push_back({"edge", std::string(text), "lab.yaml:30"});
  source.ports = {{"wan", 0}, {"lan", 1}};
  source.tracking.connections_max = 1024;
  return source;
}

Source forward_chain(std::string_view rules, std::string_view policy) {
  return source_of("table inet filter {\n  chain forward {\n" +
                   std::string("type filter hook forward priority filter; policy ") +
                   std::string(policy) + ";\n" + std::string(rules) + "\n}\n}\n");
}

std::vector<std::string> errors_of(const Source& source) {
  SlotRegistry slots(1024);
  const auto rules = compile(source, slots);
  std::vector<std::string> out;
  if (!rules)
    for (const Error& error : rules.error()) out.push_back(error.text());
  return out;
}

Firewall::Firewall(const Source& source)
    : rules_(compiled(source, harness_.registry)), tracker_(source.tracking) {}

void Firewall::replace(const Source& source) {
  rules_ = compiled(source, harness_.registry);
}

std::vector<Firewall::Result> Firewall::run_burst(const std::vector<Bytes>& frames,
                                                  std::uint64_t local, PortId in_port) {
  sluice::test::TestBurst burst(harness_, frames, in_port);
  early(*rules_, burst.burst, burst.plain);
  track(harness_.context, *rules_, tracker_, burst.burst);
  filter(harness_.context, *rules_, tracker_, burst.burst, local);
  std::vector<Result> out;
  for (unsigned i = 0; i < frames.size(); ++i) {
    const Packet& p = burst[i];
    const std::string rule = p.rule == 0 ? "" : rules_->rule_name(p.rule - 1);
    out.push_back({p.verdict, p.reason, p.connection, rule, p.reject_type, p.reject_code});
  }
  return out;
}

std::string Firewall::Result::text() const {
  return reason == DropReason::none ? "accept" : std::string(name_of(reason));
}

SlotValue Firewall::counter(const std::string& name) const {
  for (const NamedCounter& counter : rules_->counters())
    if (counter.name == name) return harness_.slots.read(counter.slot);
  throw std::out_of_range("no counter " + name);
}

}  // namespace sluice::firewall::test
