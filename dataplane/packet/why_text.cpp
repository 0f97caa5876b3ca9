#include "dataplane/packet/why_text.hpp"

#include "dataplane/balancer/inspect.hpp"
#include "dataplane/dns/inspect.hpp"
#include "dataplane/firewall/inspect.hpp"
#include "dataplane/route/table.hpp"

namespace sluice {
namespace {

/// RFC 792, RFC 4443: the errors that are made here.
std::string icmp_error_text(const Packet& p) {
  struct Named {
    std::uint8_t version, type, code;
    std::string_view text;
  };
  static constexpr Named kNames[] = {
      {4, 3, 0, "network unreachable"},
      {4, 3, 1, "host unreachable"},
      {4, 3, 3, "port unreachable"},
      {4, 3, 4, "fragmentation needed"},
      {4, 3, 13, "prohibited"},
      {4, 11, 0, "time exceeded"},
      {6, 1, 0, "no route"},
      {6, 1, 1, "prohibited"},
      {6, 1, 3, "address unreachable"},
      {6, 1, 4, "port unreachable"},
      {6, 2, 0, "packet too big"},
      {6, 3, 0, "hop limit exceeded"},
  };
  for (const Named& named : kNames)
    if (named.version == p.ip_version && named.type == p.icmp_type && named.code == p.icmp_code)
      return "ICMP error, " + std::string(named.text);
  return "ICMP error " + std::to_string(p.icmp_type) + "." + std::to_string(p.icmp_code);
}

/// Adds to what is known of each stage's decision why it is so.
class Explainer {
 public:
  Explainer(const Rehearsal& rehearsal, const Snapshot& snapshot,
            std::span<const std::uint8_t> query)
      : rehearsal_(rehearsal), snapshot_(snapshot), query_(query) {}

  [[nodiscard]] std::string note_on(std::string_view stage, const TraceStep& step) const {
    if (stage == "restore") return restore();
    if (stage == "track") return track(step);
    if (stage == "route") return route(step);
    if (stage == "filter") return filter(step);
    if (stage == "translate") return translate(step);
    if (stage == "deliver") return deliver();
    return {};
  }

 private:
  [[nodiscard]] std::string restore() const {
    const auto& flow = rehearsal_.known().flow;
    if (!flow) return "no flow yet";
    const balancer::Ticks left = flow->expires - balancer::ticks_of(rehearsal_.time());
    return "flow " + with_time_left(balancer::name_of(flow->state), left * kMillisecond);
  }

  [[nodiscard]] std::string track(const TraceStep& step) const {
    const auto& connection = rehearsal_.known().connection;
    if (!connection)
      return step.connection == ConnectionState::fresh ? "its first packet" : "none is known";
    return "known: " + with_time_left(firewall::state_text(*connection),
                                      connection->expires - rehearsal_.time());
  }

  [[nodiscard]] std::string route(const TraceStep& step) const {
    const route::TableEntry* entry = snapshot_.route->entry_of(step.key.destination);
    return entry == nullptr ? std::string{} : "by prefix " + entry->prefix.text();
  }

  [[nodiscard]] std::string filter(const TraceStep& step) const {
    if (step.verdict == Verdict::answered) return answer_of(rehearsal_, snapshot_, query_);
    if ((step.flags & packet_flag::kFromHost) != 0) return "not filtered: it is the host's own";
    const bool passed = step.verdict == Verdict::none;
    return passed && step.rule == 0 ? "accepted, no rule says otherwise" : std::string{};
  }

  [[nodiscard]] std::string translate(const TraceStep& step) const {
    if (step.backend == 0) return {};
    const auto& flow = rehearsal_.known().flow;
    const bool goes_on =
        flow && flow->backend_id == snapshot_.balancer->backends()[step.backend - 1].id();
    if (goes_on) return "as its flow says";
    const balancer::Service& service = snapshot_.balancer->services()[step.service - 1];
    return std::string("chosen by ") +
           balancer::name_of(balancer::scheduler_for(service, rehearsal_.packet()));
  }

  [[nodiscard]] std::string deliver() const {
    const TraceRecord& record = rehearsal_.record();
    if (record.verdict == Verdict::answered) return answer_of(rehearsal_, snapshot_, query_);
    if (record.verdict == Verdict::held)
      return "the next hop's Ethernet address is not known yet: it is asked for";
    const auto& neighbour = rehearsal_.known().neighbour;
    if (record.verdict != Verdict::sent || !neighbour) return {};
    return "neighbour " + neighbour->address.text() + " at " + neighbour->mac.text() + " " +
           route::name_of(neighbour->state);
  }

  const Rehearsal& rehearsal_;
  const Snapshot& snapshot_;
  std::span<const std::uint8_t> query_;
};

}  // namespace

std::vector<StepText> steps_of(const Rehearsal& rehearsal, const Snapshot& snapshot,
                               std::span<const std::uint8_t> query) {
  const TraceRecord& record = rehearsal.record();
  std::vector<StepText> steps = steps_of(record, snapshot);
  const Explainer explainer(rehearsal, snapshot, query);
  for (unsigned i = 0; i < record.steps_count; ++i) {
    const std::string note = explainer.note_on(steps[i].stage, record.steps[i]);
    if (note.empty()) continue;
    const bool nothing = steps[i].decision == "passed on";
    steps[i].decision = nothing ? note : steps[i].decision + "; " + note;
  }
  return steps;
}

std::string answer_of(const Rehearsal& rehearsal, const Snapshot& snapshot,
                      std::span<const std::uint8_t> query) {
  const Packet& p = rehearsal.packet();
  if (rehearsal.record().verdict != Verdict::answered) return {};
  if (p.has(packet_flag::kIcmpError)) return icmp_error_text(p);
  if (!query.empty()) return dns::explain(*snapshot.dns, query);
  return p.key.protocol == ip_protocol::kTcp ? "TCP reset" : "echo reply";
}

std::string with_time_left(const std::string& state, Nanoseconds left) {
  return state + ", " + std::to_string(left / kSecond) + " s left";
}

}  // namespace sluice
