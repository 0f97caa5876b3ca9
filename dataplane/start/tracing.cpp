#include "dataplane/start/tracing.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dataplane/packet/names.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice::start {
namespace {

constexpr std::uint16_t kArp = 0x0806;
constexpr std::size_t kAtOnce = 64;

Result<void> set_protocol(const std::string& text, TraceFilter& filter) {
  if (text.empty()) return {};
  if (text == "arp") {
    filter.ether_type = kArp;
    return {};
  }
  const auto protocol = protocol_by_name(text);
  if (!protocol)
    return fail(protocol.error().what, "filter.protocol",
                "use tcp, udp, icmp, icmp6, sctp, arp or a number up to 255");
  filter.has_protocol = true;
  filter.protocol = *protocol;
  return {};
}

Result<bool> set_prefix(const std::string& text, const char* where, Prefix& prefix) {
  if (text.empty()) return false;
  const auto parsed = Prefix::parse(text);
  if (!parsed) return fail(parsed.error().what, where, parsed.error().fix);
  prefix = parsed->network();
  return true;
}

}  // namespace

Result<TraceFilter> trace_filter_of(const v1::TraceFilter& filter,
                                    const std::vector<std::string>& ports) {
  TraceFilter out;
  if (auto set = set_protocol(filter.protocol(), out); !set) return tl::unexpected(set.error());
  const auto source = set_prefix(filter.source(), "filter.source", out.source);
  if (!source) return tl::unexpected(source.error());
  const auto destination = set_prefix(filter.destination(), "filter.destination", out.destination);
  if (!destination) return tl::unexpected(destination.error());
  out.has_source = *source;
  out.has_destination = *destination;
  if (filter.source_port() > 0xffff || filter.destination_port() > 0xffff) {
    return fail("a port is at most 65535", "filter");
  }
  out.source_port = static_cast<std::uint16_t>(filter.source_port());
  out.destination_port = static_cast<std::uint16_t>(filter.destination_port());
  out.dropped_only = filter.dropped_only();
  if (!filter.port().empty()) {
    const auto found = std::find(ports.begin(), ports.end(), filter.port());
    if (found == ports.end()) {
      return fail(fmt::format("there is no port '{}'", filter.port()), "filter.port",
                  fmt::format("use one of {}", fmt::join(ports, ", ")));
    }
    out.in_port = static_cast<PortId>(found - ports.begin());
  }
  return out;
}

Tracing::Tracing(std::vector<TraceChannel*> channels, std::vector<std::string> ports)
    : channels_(std::move(channels)), ports_(std::move(ports)), records_(kAtOnce) {}

Result<void> Tracing::begin(const v1::Trace& trace) {
  auto filter = trace_filter_of(trace.filter(), ports_);
  if (!filter) return tl::unexpected(filter.error());
  id_ = trace.id();
  left_ = trace.limit() == 0 ? kPacketsMax : std::min(trace.limit(), kPacketsMax);
  filter->id = ++filter_;
  filter->limit = left_;
  filter->snap = static_cast<std::uint16_t>(std::min(trace.snap(), kTraceSnapMax));
  set_filters(*filter);
  return {};
}

void Tracing::end(std::uint64_t id) {
  if (id != id_) return;
  id_ = 0;
  set_filters(TraceFilter{});
}

void Tracing::set_filters(const TraceFilter& filter) {
  for (TraceChannel* channel : channels_) (void)channel->filters.put(filter);
}

void Tracing::collect(Nanoseconds now, Nanoseconds unix_now, const Snapshot& live,
                      const Sink& sink) {
  for (TraceChannel* channel : channels_) {
    const unsigned taken = channel->records.take(records_);
    for (unsigned i = 0; i < taken; ++i) {
      const TraceRecord& record = records_[i];
      if (id_ == 0 || record.filter != filter_) continue;  // of a trace that has ended
      v1::FromDataplane out = text_of(record, live);
      out.mutable_traced()->set_time_unix_nanoseconds(unix_now - (now - record.time));
      const bool last = --left_ == 0;
      out.mutable_traced()->set_last(last);
      sink(std::move(out));
      if (last) end(id_);
    }
  }
}

v1::FromDataplane Tracing::text_of(const TraceRecord& record, const Snapshot& live) const {
  v1::FromDataplane out;
  v1::TracedPacket& traced = *out.mutable_traced();
  traced.set_id(id_);
  traced.set_worker(record.worker);
  if (record.in_port < ports_.size()) traced.set_in_port(ports_[record.in_port]);
  traced.set_summary(summary_of(record));
  traced.set_length(record.length);
  traced.set_frame(record.frame.data(), record.snapped);
  for (StepText& text : steps_of(record, live)) {
    v1::TraceStep& step = *traced.add_steps();
    step.set_stage(std::move(text.stage));
    step.set_decision(std::move(text.decision));
  }
  traced.set_verdict(std::string(name_of(record.verdict)));
  if (record.reason != DropReason::none) traced.set_reason(std::string(name_of(record.reason)));
  return out;
}

}  // namespace sluice::start
