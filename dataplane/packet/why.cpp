#include "dataplane/packet/why.hpp"

#include <cassert>
#include <cstring>

namespace sluice {
namespace {

constexpr std::uint32_t kTableSize = 64;  ///< of what is copied for one packet, a few entries

}  // namespace

bool RehearsalPool::load(Packet& packet, std::span<const std::uint8_t> frame) {
  if (frame.size() > kRoom) return false;
  packet.data = buffer_.data() + kHeadroom;
  packet.owner = this;
  packet.length = static_cast<std::uint16_t>(frame.size());
  packet.room = kRoom;
  packet.headroom = kHeadroom;
  std::memcpy(packet.data, frame.data(), frame.size());
  return true;
}

Rehearsal::Rehearsal(PipelineOptions options, std::uint32_t counters, const Arrival& arrival)
    : slots_(counters), pipeline_(with_own(options)) {
  Packet& packet = burst_.packets[0];
  const bool fits = pool_.load(packet, arrival.frame);
  assert(fits);
  static_cast<void>(fits);
  packet.in_port = arrival.in_port;
  packet.flags = arrival.flags;
  known_.next_segment = arrival.next_segment;
  burst_.count = 1;
  TraceFilter everything;
  everything.id = 1;
  everything.limit = 1;
  pipeline_.tracer().set(everything);
}

PipelineOptions Rehearsal::with_own(PipelineOptions options) {
  options.slots = &slots_;
  options.trace = &trace_;
  options.tracking.connections_max = kTableSize;
  options.flows_max = kTableSize;
  options.clients_max = kTableSize;
  options.neighbours_max = kTableSize;
  return options;
}

bool Rehearsal::advance(const Pipeline& pipeline, const Context& context,
                        const Snapshot& snapshot) {
  Context own = context;  // its rates too: what this packet takes of them is not missed
  own.books = &books_;
  own.slots = &slots_;
  own.pool = &pool_;
  own.emitter = &pool_;
  pipeline_.rehearse(pipeline, own, snapshot, burst_, known_);
  pipeline_.tracer().end(burst_);
  const bool recorded = trace_.records.take(record_);
  assert(recorded);
  static_cast<void>(recorded);
  return true;
}

}  // namespace sluice
