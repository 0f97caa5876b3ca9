#include "dataplane/start/node.hpp"

#include "dataplane/runtime/log.hpp"
#include "dataplane/start/config.hpp"
#include "dataplane/start/tables.hpp"

namespace sluice::start {
namespace {

constexpr Nanoseconds kWatchInterval = kSecond;

model::NodeFacts facts_of(const v1::DataplaneConfig& config, const nic::Ports& ports) {
  model::NodeFacts facts;
  const auto count = static_cast<PortId>(config.ports_size());
  for (PortId id = 0; id < count; ++id) {
    facts.ports.push_back({ports.name(id), id, ports.mac(id)});
  }
  if (!config.exception().tap().empty()) {
    facts.host_port = count;
    facts.host_mac = ports.mac(facts.host_port);
  }
  facts.flows_max = config.flows_max();
  return facts;
}

/// What the host answers for itself: interface addresses, and name servers' (DNS over TCP).
std::vector<IpAddress> host_addresses(const Sources& sources) {
  std::vector<IpAddress> addresses;
  for (const route::PortSource& port : sources.route.ports)
    for (const Prefix& prefix : port.addresses) addresses.push_back(prefix.address);
  for (const dns::ServerSource& server : sources.dns.servers)
    addresses.insert(addresses.end(), server.addresses.begin(), server.addresses.end());
  return addresses;
}

}  // namespace

Node::Node(const v1::DataplaneConfig& config, std::unique_ptr<nic::Ports> ports,
           std::optional<nic::HostNet> host)
    : config_(config),
      ports_(std::move(ports)),
      host_(std::move(host)),
      slots_(config.counters_max()),
      publisher_(
          static_cast<std::uint32_t>(config.cores().workers_size() + config.cores().shards_size())),
      facts_(facts_of(config, *ports_)),
      applier_(publisher_, slots_, clock_, facts_,
               [this](const Sources& sources) { follow(sources); }) {}

Result<void> Node::start(const v1::DesiredState& initial, const HashSeed& seed) {
  model::Problems ignored;  // apply() says what is wrong with the state; its sizes hold anyway
  const Sources sources = model::compile_sources(initial, facts_, ignored);
  WorkersOptions options;
  options.cores.assign(config_.cores().workers().begin(), config_.cores().workers().end());
  options.idle = idle_limits(config_);
  options.counters_max = config_.counters_max();
  options.punts_per_second =
      std::max<std::uint64_t>(1, config_.exception().rate() / options.cores.size());
  options.pipeline.seed = seed;
  options.pipeline.tracking = sources.firewall.tracking;
  options.pipeline.flows_max = config_.flows_max();
  options.pipeline.clients_max = config_.persistent_clients_max();
  workers_ = std::make_unique<Workers>(options, *ports_, publisher_);
  const std::vector<unsigned> shard_cores(config_.cores().shards().begin(),
                                          config_.cores().shards().end());
  shards_ =
      std::make_unique<Shards>(shard_cores, workers_->count(), config_.counters_max(), publisher_);
  make_tracing();
  make_questions(options);
  if (auto started = workers_->start(); !started) return started;
  return shards_->start();
}

void Node::make_tracing() {
  std::vector<TraceChannel*> channels;
  for (std::uint16_t i = 0; i < workers_->count(); ++i) channels.push_back(&workers_->trace(i));
  std::vector<std::string> names;
  for (PortId id = 0; id < ports_->count(); ++id) names.push_back(ports_->name(id));
  tracing_ = std::make_unique<Tracing>(std::move(channels), std::move(names));
}

void Node::make_questions(const WorkersOptions& options) {
  std::vector<QuestionChannel*> channels;
  for (std::uint16_t i = 0; i < workers_->count(); ++i) channels.push_back(&workers_->questions(i));
  questions_ = std::make_unique<Questions>(std::move(channels));
  for (PortId id = 0; id < ports_->count(); ++id) rehearsed_.ports.push_back(ports_->name(id));
  rehearsed_.pipeline = options.pipeline;
  rehearsed_.pipeline.workers = workers_->count();
  rehearsed_.counters_max = options.counters_max;
  rehearsed_.spread = workers_->spread();
}

void Node::turn(Nanoseconds now) {
  publisher_.collect();
  if (now < watch_at_) return;
  watch_at_ = now + kWatchInterval;
  ports_->poll_link();
  std::string trouble = find_trouble();
  if (trouble != trouble_) {
    if (trouble.empty()) {
      log_info("healthy again");
    } else {
      log_warning("not healthy", {{"reason", trouble}});
    }
  }
  trouble_ = std::move(trouble);
}

void Node::stop() {
  if (shards_) shards_->stop();
  if (workers_) workers_->stop();
}

std::vector<v1::Problem> Node::apply(const v1::Snapshot& snapshot, const model::Places* places) {
  return applier_.apply(snapshot, places);
}

void Node::set_health(const v1::Health& health) {
  const Nanoseconds begun = clock_.now();
  const std::size_t changed = applier_.set_health(health);
  if (changed == 0) return;
  log_info("health of backends in force",
           {{"changed", changed}, {"microseconds", (clock_.now() - begun) / kMicrosecond}});
}

void Node::follow(const Sources& sources) {
  follow_error_.clear();
  const auto note = [this](const ::sluice::Result<void>& done) {
    if (done) return;
    log_error(done.error());
    if (follow_error_.empty()) follow_error_ = done.error().text();
  };
  for (const route::PortSource& port : sources.route.ports) {
    if (port.id != kNoPort) note(ports_->set_mtu(port.id, port.mtu));
  }
  if (host_) note(host_->apply(host_addresses(sources)));
  std::vector<Prefix> early;
  for (const firewall::AddressSetSource& set : sources.firewall.sets) {
    if (set.early_drop) early.insert(early.end(), set.prefixes.begin(), set.prefixes.end());
  }
  note(ports_->set_early_drop(early));
}

std::vector<v1::PortFact> Node::ports() {
  std::vector<v1::PortFact> facts;
  const auto count = static_cast<PortId>(config_.ports_size());
  for (PortId id = 0; id < count; ++id) {
    v1::PortFact& fact = facts.emplace_back();
    fact.set_name(ports_->name(id));
    fact.set_mode(v1::PortMode_Name(config_.ports(id).mode()));
    fact.set_device(config_.ports(id).device());
    fact.set_mac(ports_->mac(id).text());
    fact.set_queues(ports_->queues(id));
    fact.set_link_up(ports_->link_up(id));
  }
  return facts;
}

void Node::sample(agent::Samples& samples) {
  workers_->sample(samples);
  shards_->sample(samples);
  std::vector<const CounterBlock*> blocks;
  workers_->append_blocks(blocks);
  shards_->append_blocks(blocks);
  samples.slots(slots_, blocks);
  sample_ports(samples);
  samples.gauge("snapshots_retired", {}, static_cast<double>(publisher_.retired()));
  samples.gauge("counter_slots_used", {}, static_cast<double>(slots_.all().size()));
  samples.total("counter_slots_refused_total", {}, static_cast<double>(slots_.exhausted()));
}

void Node::sample_ports(agent::Samples& samples) {
  std::uint64_t early_drops = 0;
  for (PortId id = 0; id < ports_->count(); ++id) {
    const std::string& port = ports_->name(id);
    const nic::PortStatistics statistics = ports_->statistics(id);
    const auto total = [&](const char* name, std::uint64_t value) {
      samples.total(name, {{"port", port}}, static_cast<double>(value));
    };
    total("port_receive_packets_total", statistics.rx_packets);
    total("port_receive_bytes_total", statistics.rx_bytes);
    total("port_receive_missed_total", statistics.rx_missed);
    total("port_receive_no_buffer_total", statistics.rx_no_buffer);
    total("port_receive_errors_total", statistics.rx_errors);
    total("port_receive_oversize_total", statistics.rx_oversize);
    total("port_transmit_packets_total", statistics.tx_packets);
    total("port_transmit_bytes_total", statistics.tx_bytes);
    total("port_transmit_errors_total", statistics.tx_errors);
    total("port_early_drops_total", statistics.early_drops);
    samples.gauge("port_link_up", {{"port", port}}, ports_->link_up(id) ? 1 : 0);
    early_drops += statistics.early_drops;
  }
  samples.early_drops(early_drops);
}

std::string Node::find_trouble() {
  std::string trouble;
  const auto add = [&trouble](const std::string& more) {
    if (!more.empty()) trouble += (trouble.empty() ? "" : "; ") + more;
  };
  add(workers_->stuck());
  add(shards_->trouble());
  add(follow_error_);
  if (slots_.exhausted() != 0) add("more named counters than counters_max: some are not counted");
  return trouble;
}

void Node::trace(const v1::Trace& trace) {
  const auto begun = tracing_->begin(trace);
  if (begun) return;
  v1::TracedPacket& refusal = *results_.emplace_back().mutable_traced();
  refusal.set_id(trace.id());
  refusal.set_reason(begun.error().text());
  refusal.set_last(true);
}

void Node::stop_trace(std::uint64_t id) {
  tracing_->end(id);
}

void Node::ask(const v1::Query& query) {
  auto inquiry = inquiry_of(query);
  if (inquiry) {
    questions_->ask(query.id(), *std::move(inquiry));
  } else {
    questions_->refuse(query.id(), std::move(inquiry.error()));
  }
}

Result<std::unique_ptr<Inquiry>> Node::inquiry_of(const v1::Query& query) const {
  switch (query.what_case()) {
    case v1::Query::kWhy:
      return std::make_unique<WhyInquiry>(query.why(), rehearsed_);
    case v1::Query::kTable:
      return inquiry_of(query.table());
    case v1::Query::WHAT_NOT_SET:
      break;
  }
  return fail("this data plane has no answer to such a question", {},
              "use a data plane of the control daemon's version");
}

Result<std::unique_ptr<Inquiry>> Node::inquiry_of(const v1::TableQuery& query) const {
  std::vector<const CounterBlock*> blocks;
  workers_->append_blocks(blocks);
  return table_inquiry(query, std::move(blocks));
}

void Node::take_results(const Sink& sink) {
  if (const auto& live = publisher_.live()) {
    tracing_->collect(clock_.now(), MonotonicClock::unix_time(), *live, sink);
  }
  questions_->turn(clock_.now(), publisher_.live(), sink);
  for (v1::FromDataplane& result : std::exchange(results_, {})) sink(std::move(result));
}

}  // namespace sluice::start
