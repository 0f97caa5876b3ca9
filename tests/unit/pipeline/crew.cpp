#include "tests/unit/pipeline/crew.hpp"

#include <stdexcept>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/route/neighbours.hpp"

namespace sluice::test {
namespace {

route::PortSource port_source(std::string name, PortId id, const char* v4, const char* v6) {
  route::PortSource port;
  port.name = std::move(name);
  port.id = id;
  port.mac = kOurMac;
  port.addresses = {*Prefix::parse(v4), *Prefix::parse(v6)};
  return port;
}

balancer::ServiceSource web() {
  balancer::ServiceSource web;
  web.name = "web";
  web.addresses = {ip("198.18.100.80")};
  web.port = 80;
  web.protocol = ip_protocol::kTcp;
  web.table_size = 1021;
  for (const char* last : {"1", "2", "3"}) {
    balancer::BackendSource backend;
    backend.name = std::string("be") + last;
    backend.addresses = {ip(std::string("198.18.1.1") + last)};
    backend.port = 8080;
    web.backends.push_back(backend);
  }
  return web;
}

}  // namespace

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

Sources lab() {
  Sources out;
  out.route.ports = {port_source("wan", kWan, "198.18.0.1/24", "2001:2::1/64"),
                     port_source("lan", kLan, "198.18.1.1/24", "2001:2:0:1::1/64")};
  out.route.ports[kWan].neighbours = {{ip("198.18.0.2"), kTheirMac}};
  for (const char* backend : {"198.18.1.11", "198.18.1.12", "198.18.1.13"})
    out.route.ports[kLan].neighbours.push_back({ip(backend), kTheirMac});
  out.route.host_port = kHost;
  out.route.host_mac = kHostMac;
  out.balancer.services = {web()};
  out.dns.zones = {{"example.test",
                    "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 198.18.0.1\nwww A 192.0.2.1\n",
                    "zone"}};
  dns::ServerSource server;
  server.name = "dns";
  server.addresses = {ip("198.18.100.53")};
  out.dns.servers = {server};
  out.firewall.ports = {{"wan", kWan}, {"lan", kLan}};
  out.firewall.tracking.connections_max = 1024;
  return out;
}

firewall::RulesSource rules_source(const std::string& text) {
  return {"edge", text, "edge:1"};
}

Sources lab_with(const std::string& rules, const std::string& policy) {
  Sources out = lab();
  out.firewall.rules = {
      rules_source("table inet t {\nchain forward {\ntype filter hook forward priority 0; policy " +
                   policy + ";\n" + rules + "\n}\n}\n")};
  return out;
}

std::shared_ptr<const Snapshot> snapshot_of(const Sources& sources, std::uint64_t revision) {
  static SlotRegistry slots(kSlots);
  auto snapshot = compile(sources, revision, slots);
  if (!snapshot) throw std::runtime_error(snapshot.error().front().text());
  return *snapshot;
}

PacketBuilder from_client(const char* destination, const char* source) {
  return packet().ip(source, destination);
}
PacketBuilder from_backend(const char* source, const char* destination) {
  return packet().ip(source, destination);
}

Crew::Crew(const Sources& sources, const Options& options) : publisher_(options.workers) {
  if (options.publish) publish(sources);
  std::vector<Inbox*> inboxes;
  for (std::uint16_t i = 0; i < options.workers && options.workers > 1; ++i) {
    inboxes_.push_back(std::make_unique<Inbox>(options.workers, options.inbox));
    inboxes.push_back(inboxes_.back().get());
  }
  for (std::uint16_t i = 0; i < options.workers; ++i) {
    WorkerOptions worker;
    slots_.push_back(std::make_unique<CounterBlock>(kSlots));
    traces_.push_back(std::make_unique<TraceChannel>(64));
    queues_.emplace_back();
    for (PortId port = 0; port <= kHost; ++port) {
      queues_[i].push_back(std::make_unique<MemoryQueue>(port, pool_));
      const bool own = i < options.with_queues;
      worker.ports.push_back({.queue = own ? queues_[i].back().get() : nullptr,
                              .spread = options.spread && options.workers > 1});
    }
    worker.pipeline.worker = i;
    worker.pipeline.workers = options.workers;
    worker.pipeline.slots = slots_.back().get();
    worker.pipeline.trace = traces_.back().get();
    worker.pipeline.tracking = sources.firewall.tracking;
    worker.pipeline.flows_max = 4096;
    worker.inboxes = inboxes;
    worker.punts_per_second = options.punts_per_second;
    readers_.push_back(std::make_unique<Reader>(publisher_, i));
    workers_.push_back(std::make_unique<Worker>(worker, *readers_.back(), pool_));
  }
}

Crew::~Crew() {
  // Held packets belong to a worker's neighbours; everything else must have come back.
  for (const auto& worker : workers_) {
    Books books;
    Context context;
    context.books = &books;
    context.pool = &pool_;
    worker->pipeline().neighbours().drop_held(context);
  }
  EXPECT_EQ(0U, pool_.outstanding()) << "a buffer was lost";
}

void Crew::publish(const Sources& sources) {
  publisher_.publish(snapshot_of(sources, ++revision_));
}

void Crew::turn_all() {
  for (bool busy = true; busy;) {
    busy = false;
    for (const auto& worker : workers_) busy |= worker->turn(now);
  }
}

std::vector<Bytes> Crew::sent(PortId port) {
  std::vector<Bytes> frames;
  for (const auto& queues : queues_)
    for (Bytes& frame : queues[port]->take_sent()) frames.push_back(std::move(frame));
  return frames;
}

std::uint64_t Crew::total(Counter Books::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += (worker->books().*counter).value();
  return sum;
}

std::uint64_t Crew::dropped(DropReason reason) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_)
    sum += worker->books().dropped[static_cast<unsigned>(reason)].value();
  return sum;
}

void Crew::expect_balanced() const {
  std::uint64_t ends = total(&Books::sent) + total(&Books::answered) + total(&Books::punted) +
                       total(&Books::held_now);
  for (unsigned reason = 0; reason < kDropReasons; ++reason)
    ends += dropped(static_cast<DropReason>(reason));
  EXPECT_EQ(total(&Books::received), ends);
  EXPECT_EQ(0U, dropped(DropReason::none)) << "every drop has a reason";
}

FlowKey key_of(const Bytes& frame) {
  Bytes copy = frame;
  Packet p;
  p.data = copy.data();
  p.length = static_cast<std::uint16_t>(copy.size());
  EXPECT_EQ(DropReason::none, parse(p));
  return p.key;
}

}  // namespace sluice::test
