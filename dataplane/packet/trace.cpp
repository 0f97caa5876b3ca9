#include "dataplane/packet/trace.hpp"

#include <algorithm>
#include <cstring>

namespace sluice {

bool TraceFilter::matches(const Packet& p) const {
  if (in_port != kNoPort && p.in_port != in_port) return false;
  if (ether_type != 0 && p.ether_type != ether_type) return false;
  const bool needs_ip =
      has_protocol || has_source || has_destination || source_port != 0 || destination_port != 0;
  if (!needs_ip) return true;
  if (!p.has(packet_flag::kIp)) return false;
  return (!has_protocol || p.key.protocol == protocol) &&
         (!has_source || source.contains(p.key.source)) &&
         (!has_destination || destination.contains(p.key.destination)) &&
         (source_port == 0 || p.key.source_port == source_port) &&
         (destination_port == 0 || p.key.destination_port == destination_port);
}

void Tracer::poll() {
  if (channel_ == nullptr) return;
  TraceFilter filter;
  while (channel_->filters.take(filter)) set(filter);
}

void Tracer::set(const TraceFilter& filter) {
  filter_ = filter;
  written_ = 0;
}

void Tracer::begin(const Context& context, std::uint64_t revision, Burst& burst) {
  open_count_ = 0;
  for (unsigned i = 0; i < burst.count && open_count_ < kPerBurst; ++i) {
    Packet& p = burst.packets[i];
    if (!filter_.matches(p)) continue;
    p.flags |= packet_flag::kTraced;
    Open& open = open_[open_count_++];
    open.packet = i;
    TraceRecord& record = open.record;
    record.time = context.now;
    record.revision = revision;
    record.filter = filter_.id;
    record.worker = context.worker;
    record.in_port = p.in_port;
    record.length = p.length;
    record.ether_type = p.ether_type;
    record.tcp_flags = p.tcp_flags;
    record.icmp_type = p.icmp_type;
    record.icmp_code = p.icmp_code;
    record.ip_version = p.ip_version;
    record.key = p.has(packet_flag::kIp) ? p.key : FlowKey{};
    record.steps_count = 0;
    record.snapped = std::min({filter_.snap, p.length, std::uint16_t{kTraceSnapMax}});
    std::memcpy(record.frame.data(), p.data, record.snapped);
  }
}

void Tracer::step(std::uint8_t stage, std::uint64_t entered, const Burst& burst) {
  for (unsigned n = 0; n < open_count_; ++n) {
    TraceRecord& record = open_[n].record;
    const unsigned i = open_[n].packet;
    if (((entered >> i) & 1U) == 0 || record.steps_count == kTraceSteps) continue;
    const Packet& p = burst.packets[i];
    record.steps[record.steps_count++] = TraceStep{.stage = stage,
                                                   .verdict = p.verdict,
                                                   .reason = p.reason,
                                                   .connection = p.connection,
                                                   .flags = p.flags,
                                                   .out_port = p.out_port,
                                                   .rule = p.rule,
                                                   .service = p.service,
                                                   .backend = p.backend,
                                                   .next_hop = p.next_hop,
                                                   .key = p.key};
  }
}

void Tracer::end(const Burst& burst) {
  for (unsigned n = 0; n < open_count_; ++n) {
    TraceRecord& record = open_[n].record;
    const Packet& p = burst.packets[open_[n].packet];
    record.verdict = p.verdict;
    record.reason = p.reason;
    if (filter_.dropped_only && p.verdict != Verdict::dropped) continue;
    ++written_;
    record.last = filter_.limit != 0 && written_ == filter_.limit ? 1 : 0;
    if (channel_ != nullptr) static_cast<void>(channel_->records.put(record));
    if (record.last != 0) {
      filter_ = {};
      break;
    }
  }
  open_count_ = 0;
}

}  // namespace sluice
