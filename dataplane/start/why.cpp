#include "dataplane/start/why.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dataplane/dns/inspect.hpp"
#include "dataplane/packet/protocol.hpp"
#include "dataplane/packet/spread.hpp"
#include "dataplane/packet/why_text.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::start {
namespace {

constexpr std::uint16_t kEchoIdentifier = 1;

Result<IpAddress> address_of(const std::string& text, const char* field) {
  const auto address = IpAddress::parse(text);
  if (!address) return fail(address.error().what, field, address.error().fix);
  return *address;
}

void add_steps(const Rehearsal& rehearsal, const Snapshot& snapshot,
               std::span<const std::uint8_t> query, std::vector<v1::TraceStep>& into) {
  for (StepText& text : steps_of(rehearsal, snapshot, query)) {
    v1::TraceStep& step = into.emplace_back();
    step.set_stage(std::move(text.stage));
    step.set_decision(std::move(text.decision));
  }
}

bool is_icmp(std::uint8_t protocol) {
  return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmp6;
}

}  // namespace

Result<DescribedPacket> described_packet(const v1::WhyQuery& query) {
  const auto protocol = protocol_by_name(query.protocol());
  if (!protocol) return fail(protocol.error().what, "protocol", protocol.error().fix);
  const auto source = address_of(query.source(), "source");
  if (!source) return tl::unexpected(source.error());
  const auto destination = address_of(query.destination(), "destination");
  if (!destination) return tl::unexpected(destination.error());
  if (source->is_v4() != destination->is_v4())
    return fail("source and destination are of different families", "destination");
  if (query.source_port() > 0xffff || query.destination_port() > 0xffff)
    return fail("a port is at most 65535", "source_port");
  DescribedPacket packet;
  packet.key.source = *source;
  packet.key.destination = *destination;
  packet.key.protocol = *protocol;
  if (is_icmp(*protocol)) {
    packet.key.protocol = source->is_v4() ? ip_protocol::kIcmp : ip_protocol::kIcmp6;
    packet.key.source_port = packet.key.destination_port = kEchoIdentifier;
  } else if (has_ports(*protocol)) {
    packet.key.source_port = static_cast<std::uint16_t>(query.source_port());
    packet.key.destination_port = static_cast<std::uint16_t>(query.destination_port());
  }
  if (query.tcp_flags() != 0) packet.tcp_flags = static_cast<std::uint8_t>(query.tcp_flags());
  return packet;
}

Result<std::vector<WorkerQuestion>> WhyInquiry::begin(std::shared_ptr<const Snapshot> live) {
  auto packet = described_packet(query_);
  if (!packet) return tl::unexpected(packet.error());
  packet_ = *std::move(packet);
  if (auto done = find_port(*live); !done) return tl::unexpected(done.error());
  if (auto done = add_query(*live); !done) return tl::unexpected(done.error());
  frame_ = frame_of(packet_, live->route->port(in_port_).mac);
  snapshot_ = std::move(live);
  first_worker_ = worker_of(packet_.key, node_.pipeline.seed, node_.pipeline.workers);
  return ask(first_worker_);
}

/// The port that the operator named, or the one that a packet to the source would leave by.
Result<void> WhyInquiry::find_port(const Snapshot& live) {
  const route::Table& table = *live.route;
  if (!query_.port().empty()) {
    const auto named = std::find(node_.ports.begin(), node_.ports.end(), query_.port());
    if (named == node_.ports.end())
      return fail(fmt::format("there is no port '{}'", query_.port()), "port",
                  fmt::format("use one of {}", fmt::join(node_.ports, ", ")));
    in_port_ = static_cast<PortId>(named - node_.ports.begin());
  } else {
    const route::NextHop& hop = table.next_hop(table.find(packet_.key.source, kNoPort));
    const bool from_host = (hop.kinds & route::local_kind::kHost) != 0;
    in_port_ = from_host ? table.host_port() : hop.port;
  }
  if (in_port_ == kNoPort)
    return fail(fmt::format("no port routes to the source {}", query_.source()), "source",
                "name the port that the packet comes in by with --port");
  if (in_port_ == table.host_port()) flags_ = packet_flag::kFromHost;
  return {};
}

/// A datagram to a name server carries a query.
Result<void> WhyInquiry::add_query(const Snapshot& live) {
  const bool to_server =
      packet_.key.protocol == ip_protocol::kUdp &&
      dns::serves(*live.dns, packet_.key.destination, packet_.key.destination_port);
  if (!to_server) {
    if (query_.query_name().empty() && query_.query_type().empty()) return {};
    return fail("a DNS query needs UDP to the address and port of a name server", "query_name");
  }
  const std::string name =
      query_.query_name().empty() ? dns::any_origin(*live.dns) : query_.query_name();
  auto query = dns::make_query(name, query_.query_type().empty() ? "SOA" : query_.query_type());
  if (!query) return tl::unexpected(query.error());
  packet_.payload = *std::move(query);
  return {};
}

std::vector<WorkerQuestion> WhyInquiry::ask(std::uint16_t worker) {
  PipelineOptions options = node_.pipeline;
  options.worker = worker;
  std::vector<WorkerQuestion> questions;
  questions.push_back(
      {worker, std::make_unique<Rehearsal>(options, node_.counters_max,
                                           Rehearsal::Arrival{frame_, in_port_, flags_, true})});
  ++workers_asked_;
  return questions;
}

std::vector<WorkerQuestion> WhyInquiry::take(WorkerQuestion answer,
                                             std::shared_ptr<const Snapshot> live) {
  std::unique_ptr<Rehearsal> rehearsal(static_cast<Rehearsal*>(answer.question.release()));
  if (rehearsal->record().revision != snapshot_->revision && repeats_++ < kRepeatsMax) {
    snapshot_ = std::move(live);
    return ask(answer.worker);
  }
  if (rehearsal->record().verdict == Verdict::handed && repeats_++ < kRepeatsMax) {
    add_steps(*rehearsal, *snapshot_, packet_.payload, earlier_);
    flags_ |= packet_flag::kHanded;
    const std::uint16_t owner = rehearsal->packet().handed_to;
    keep(std::move(rehearsal), answer.worker);
    return ask(owner);
  }
  const bool better = answer_ == nullptr || answer_->record().verdict == Verdict::handed;
  const bool good = found(*rehearsal);
  if (good || better) keep(std::move(rehearsal), answer.worker);
  // Where the NIC spreads flows by a hash of its own, the worker that knows the flow has it.
  const bool handed = (flags_ & packet_flag::kHanded) != 0;
  if (good || handed || node_.spread || workers_asked_ >= node_.pipeline.workers) return {};
  return ask(static_cast<std::uint16_t>((answer.worker + 1) % node_.pipeline.workers));
}

bool WhyInquiry::found(const Rehearsal& rehearsal) const {
  return rehearsal.known().flow || rehearsal.known().connection;
}

void WhyInquiry::keep(std::unique_ptr<Rehearsal> rehearsal, std::uint16_t worker) {
  answer_ = std::move(rehearsal);
  worker_ = worker;
}

std::vector<v1::QueryResult> WhyInquiry::results() {
  std::vector<v1::QueryResult> results(1);
  v1::WhyAnswer& out = *results[0].mutable_why();
  const TraceRecord& record = answer_->record();
  const Packet& packet = answer_->packet();
  out.set_packet(summary_of(record));
  out.set_in_port(port_name(*snapshot_, in_port_));
  out.set_worker(worker_);
  add_steps(*answer_, *snapshot_, packet_.payload, earlier_);
  for (v1::TraceStep& step : earlier_) *out.add_steps() = std::move(step);
  out.set_verdict(std::string(name_of(record.verdict)));
  if (record.verdict == Verdict::dropped) {
    out.set_reason(std::string(name_of(record.reason)));
    out.set_meaning(std::string(meaning_of(record.reason)));
  }
  out.set_rule(rule_name(*snapshot_, packet.rule));
  out.set_service(service_name(*snapshot_, packet.service));
  out.set_backend(backend_name(*snapshot_, packet.backend));
  const bool leaves = record.verdict == Verdict::sent || record.verdict == Verdict::answered ||
                      record.verdict == Verdict::punted;
  if (leaves) out.set_out_port(port_name(*snapshot_, packet.out_port));
  out.set_revision(record.revision);
  out.set_answer(answer_of(*answer_, *snapshot_, packet_.payload));
  return results;
}

}  // namespace sluice::start
