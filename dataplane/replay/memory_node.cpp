#include "dataplane/replay/memory_node.hpp"

namespace sluice::replay {
namespace {

/// Next hops that the state does not list, and the host's end of the exception path.
constexpr MacAddress kNeighbourMac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr MacAddress kHostMac{{0x02, 0, 0, 0, 0x02, 0}};

PortId port_count(const Sources& sources) {
  return static_cast<PortId>(sources.route.ports.size());
}

}  // namespace

bool SinkQueue::offer(std::span<const std::uint8_t> bytes) {
  Packet packet;
  if (!pool_.load(packet, bytes)) return false;
  packet.in_port = port_;
  waiting_.push_back(packet);
  return true;
}

unsigned SinkQueue::receive(std::span<Packet> packets) {
  const std::size_t count = std::min(packets.size(), waiting_.size());
  std::copy_n(waiting_.begin(), count, packets.begin());
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  return static_cast<unsigned>(count);
}

unsigned SinkQueue::send(std::span<Packet* const> packets) {
  for (const Packet* p : packets)
    if (sink_ != nullptr) sink_->frame(port_, {p->data, p->length});
  release(packets);
  return static_cast<unsigned>(packets.size());
}

void SinkQueue::release(std::span<Packet* const> packets) {
  for (Packet* p : packets) pool_.release(*p);
}

Sources with_surroundings(Sources sources) {
  sources.route.host_port = port_count(sources);
  sources.route.host_mac = kHostMac;
  sources.route.assumed_neighbour = kNeighbourMac;
  return sources;
}

MemoryNode::MemoryNode(const Sources& sources, std::shared_ptr<const Snapshot> snapshot,
                       std::uint32_t counters, FrameSink& sink)
    : counters_(counters), records_(kBurst) {
  publisher_.publish(std::move(snapshot));
  WorkerOptions options;
  const PortId ports = port_count(sources);
  for (PortId id = 0; id <= ports; ++id) {
    queues_.push_back(std::make_unique<SinkQueue>(id, pool_, id == ports ? nullptr : &sink));
    options.ports.push_back({.queue = queues_.back().get()});
  }
  options.pipeline.slots = &counters_;
  options.pipeline.trace = &trace_;
  options.pipeline.tracking = sources.firewall.tracking;
  options.pipeline.flows_max = sources.balancer.flows_max;
  worker_ = std::make_unique<Worker>(options, reader_, pool_);
  TraceFilter everything;
  everything.id = 1;
  worker_->pipeline().tracer().set(everything);
}

void MemoryNode::turn(Nanoseconds now) {
  static_cast<void>(worker_->turn(now));
  records_count_ = trace_.records.take(records_);
}

}  // namespace sluice::replay
