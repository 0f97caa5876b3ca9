#include "tests/unit/why/world.hpp"

#include "dataplane/firewall/tracker.hpp"

namespace sluice::test {
namespace {

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

route::Source routes() {
  route::Source out;
  route::PortSource wan;
  wan.name = "wan";
  wan.id = 0;
  wan.mac = kOurMac;
  wan.addresses = {*Prefix::parse("198.18.0.1/24"), *Prefix::parse("2001:2::1/64")};
  wan.router_solicitation = true;
  route::PortSource lan = wan;
  lan.name = "lan";
  lan.id = 1;
  lan.mac = MacAddress{{0x02, 0, 0, 0, 1, 0xfe}};
  lan.mtu = 1400;
  lan.addresses = {*Prefix::parse("198.18.1.1/24"), *Prefix::parse("2001:2:0:1::1/64")};
  lan.neighbours = {{address("198.18.1.11"), kTheirMac}};
  lan.router_solicitation = false;
  out.ports = {wan, lan};
  out.routes = {{*Prefix::parse("198.51.100.0/24"), address("198.18.0.254"), kNoPort, false},
                {*Prefix::parse("192.0.2.0/24"), {}, kNoPort, true}};
  out.host_port = 2;
  out.host_mac = MacAddress{{0x02, 0, 0, 0, 0, 0x77}};
  return out;
}

balancer::Source services() {
  balancer::ServiceSource web;
  web.name = "web";
  web.addresses = {address("198.18.100.80"), address("2001:2:0:100::80")};
  web.port = 80;
  web.protocol = ip_protocol::kTcp;
  web.table_size = 1021;
  for (const auto& [name, v4, v6] : {std::tuple{"be1", "198.18.1.11", "2001:2:0:1::11"},
                                     {"be2", "198.18.1.12", "2001:2:0:1::12"}}) {
    web.backends.push_back({.name = name, .addresses = {address(v4), address(v6)}, .port = 8080});
  }
  // Its flows look alike to the backends: collisions.
  balancer::ServiceSource twin = web;
  twin.name = "twin";
  twin.addresses = {address("198.18.100.83")};
  twin.backends.resize(1);
  balancer::ServiceSource direct = web;
  direct.name = "web-dsr";
  direct.addresses = {address("198.18.100.81")};
  direct.port = 8080;
  direct.mode = balancer::Mode::direct_return;
  balancer::ServiceSource echo = web;
  echo.name = "echo";
  echo.addresses = {address("198.18.100.82")};
  echo.port = 7;
  echo.protocol = ip_protocol::kUdp;
  balancer::ServiceSource empty = echo;
  empty.name = "empty";
  empty.addresses = {address("198.18.100.84")};
  empty.backends.clear();
  balancer::Source out;
  out.services = {web, twin, direct, echo, empty};
  return out;
}

template <class T>
void append(Bytes& out, const T& value) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), at, at + sizeof value);
}

}  // namespace

Sources lab_sources() {
  Sources out;
  out.route = routes();
  out.balancer = services();
  out.dns.zones = {{"example.test",
                    "$TTL 60\n@ IN SOA ns hostmaster 1 2 3 4 5\n@ IN NS ns\nns IN A 198.18.0.1\n"
                    "www IN A 198.18.100.80\n",
                    "zone"}};
  out.dns.servers = {{.name = "dns", .addresses = {address("198.18.100.53")}}};
  out.firewall.rules = {{"edge",
                         "table inet filter {\n"
                         "  set bad { type ipv4_addr; elements = { 198.18.0.66 } }\n"
                         "  chain input {\n"
                         "    type filter hook input priority 0; policy accept;\n"
                         "    ct state established accept\n"
                         "    icmp type echo-request ip saddr 198.18.0.5 drop\n"
                         "  }\n"
                         "  chain forward {\n"
                         "    type filter hook forward priority 0; policy accept;\n"
                         "    ct state invalid drop\n"
                         "    ct state established accept\n"
                         "    tcp dport 2323 counter drop\n"
                         "    tcp dport 2424 reject with tcp reset\n"
                         "    udp dport 2525 reject\n"
                         "    ip saddr @bad drop\n"
                         "  }\n"
                         "}\n",
                         "edge:1"}};
  out.firewall.ports = {{"wan", 0}, {"lan", 1}};
  return out;
}

World::World(const Sources& sources, const WorldOptions& options)
    : harness_(MemoryPool::Layout{.room = RehearsalPool::kRoom}, kSlots) {
  snapshot_ = compile(sources, 7, harness_.registry).value();
  options_.worker = options.worker;
  options_.workers = options.workers;
  options_.slots = &harness_.slots;
  options_.trace = &trace_;
  options_.tracking = sources.firewall.tracking;
  options_.tracking.connections_max = options.connections_max;
  options_.flows_max = options.flows_max;
  options_.neighbours_max = options.neighbours_max;
  pipeline_ = std::make_unique<Pipeline>(options_);
  harness_.context.now = 100 * kSecond;
  harness_.context.worker = options.worker;
  TraceFilter everything;
  everything.id = 1;
  pipeline_->tracer().set(everything);
}

World::~World() {
  pipeline_->neighbours().drop_held(harness_.context);
}

Outcome World::run(const Bytes& frame, PortId in_port, std::uint16_t flags) {
  Burst burst;
  Packet& packet = burst.packets[0];
  if (!harness_.pool.load(packet, frame)) throw std::length_error("no packet buffer");
  packet.in_port = in_port;
  packet.flags = flags;
  burst.count = 1;
  pipeline_->run(harness_.context, *snapshot_, burst);
  pipeline_->tracer().end(burst);
  Outcome outcome;
  if (!trace_.records.take(outcome.record)) throw std::logic_error("no trace");
  outcome.packet = packet;
  outcome.bytes.assign(packet.data, packet.data + packet.length);
  if (packet.verdict == Verdict::held) {
    harness_.books.held_now.add(1);
  } else {
    harness_.pool.release(packet);
  }
  return outcome;
}

std::unique_ptr<Rehearsal> World::rehearse(const Bytes& frame, PortId in_port, std::uint16_t flags,
                                           bool next_segment) const {
  auto rehearsal = std::make_unique<Rehearsal>(
      options_, kSlots, Rehearsal::Arrival{frame, in_port, flags, next_segment});
  Question& question = *rehearsal;
  if (!question.advance(*pipeline_, harness_.context, *snapshot_))
    throw std::logic_error("a rehearsal takes one turn");
  return rehearsal;
}

void World::pass(Nanoseconds time) {
  harness_.context.now += time;
  pipeline_->tick(harness_.context, *snapshot_, false);
}

void World::resolve(PortId port, const char* text) {
  pipeline_->neighbours().apply(harness_.context, *snapshot_->route,
                                {.address = address(text),
                                 .mac = kTheirMac,
                                 .port = port,
                                 .evidence = route::Evidence::answered});
}

Bytes World::everything() const {
  Bytes out;
  const Pipeline& live = *pipeline_;
  for (std::uint32_t i = 0; i < live.tracker().records(); ++i)
    if (const auto* connection = live.tracker().record(i, 0)) append(out, *connection);
  for (std::uint32_t i = 0; i < live.flows().capacity(); ++i) append(out, live.flows().flow(i));
  for (const route::Neighbour& entry : live.neighbours().entries()) append(out, entry);
  append(out, live.flows().stats());
  append(out, live.tracker().evictions());
  append(out, harness_.books);
  for (Slot slot = 0; slot < kSlots; ++slot) append(out, harness_.slots.read(slot));
  append(out, harness_.context.icmp_errors);
  append(out, harness_.context.punts);
  append(out, harness_.pool.outstanding());
  append(out, harness_.emitter.frames.size());
  return out;
}

Outcome outcome_of(const Rehearsal& rehearsal) {
  const Packet& packet = rehearsal.packet();
  return {rehearsal.record(), packet, Bytes(packet.data, packet.data + packet.length)};
}

namespace {

/// A step without what differs by nature: nothing so far.
std::string step_text(const TraceStep& s) {
  std::string text(stage_name(s.stage));
  text += " " + std::string(name_of(s.verdict)) + " " + std::string(name_of(s.reason));
  for (const std::uint64_t number :
       {std::uint64_t{static_cast<unsigned>(s.connection)}, std::uint64_t{s.flags},
        std::uint64_t{s.out_port}, std::uint64_t{s.rule}, std::uint64_t{s.service},
        std::uint64_t{s.backend}, std::uint64_t{s.next_hop}})
    text += " " + std::to_string(number);
  return text + " " + s.key.source.text() + ":" + std::to_string(s.key.source_port) + " > " +
         s.key.destination.text() + ":" + std::to_string(s.key.destination_port);
}

std::string steps_text(const TraceRecord& record) {
  std::string text;
  for (unsigned i = 0; i < record.steps_count; ++i) {
    // A stage is left out where the tables have nothing: the same decision as one without effect.
    if (stage_name(record.steps[i].stage) == "restore" &&
        record.steps[i].verdict == Verdict::none && record.steps[i].service == 0)
      continue;
    text += "  " + step_text(record.steps[i]) + "\n";
  }
  return text + "  " + std::string(name_of(record.verdict)) + "\n";
}

}  // namespace

std::string difference(const Outcome& rehearsed, const Outcome& real) {
  const std::string expected = steps_text(real.record);
  const std::string got = steps_text(rehearsed.record);
  if (got != expected) return "rehearsed:\n" + got + "real:\n" + expected;
  if (rehearsed.packet.handed_to != real.packet.handed_to) return "handed to another worker";
  if (rehearsed.bytes != real.bytes) return "the frames differ after\n" + expected;
  return {};
}

}  // namespace sluice::test
