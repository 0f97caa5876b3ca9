#include "dataplane/packet/names.hpp"

#include "dataplane/balancer/service_table.hpp"
#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/packet/pipeline.hpp"
#include "dataplane/packet/protocol.hpp"

namespace sluice {
namespace {

std::string_view name_of(ConnectionState state) {
  constexpr std::array<std::string_view, 5> kNames{"untracked", "new", "established", "related",
                                                   "invalid"};
  return kNames[static_cast<unsigned>(state)];
}

std::string flow_text(const FlowKey& key) {
  const bool ports = has_ports(key.protocol);
  return endpoint(key.source, key.source_port, ports) + " > " +
         endpoint(key.destination, key.destination_port, ports);
}

/// The protocol too where it is another one: the packet is in a tunnel now.
std::string key_text(const FlowKey& before, const FlowKey& now) {
  if (before.protocol == now.protocol) return flow_text(now);
  return protocol_name(now.protocol) + " " + flow_text(now);
}

void append(std::string& text, const std::string& part) {
  if (part.empty()) return;
  if (!text.empty()) text += ", ";
  text += part;
}

/// The look-up may come to nothing, which is a decision too.
bool is_route(const TraceStep& step) {
  return stage_name(step.stage) == "route";
}

/// What changed at this step.
std::string change_text(const TraceStep& before, const TraceStep& step, const Snapshot& snapshot) {
  std::string text;
  if (step.connection != before.connection)
    append(text, "connection " + std::string(name_of(step.connection)));
  if (step.rule != before.rule) append(text, "rule " + rule_name(snapshot, step.rule));
  if (step.service != before.service)
    append(text, "service " + service_name(snapshot, step.service));
  if (step.backend != before.backend)
    append(text, "backend " + backend_name(snapshot, step.backend));
  if (step.service != before.service && step.service != 0)
    append(text, "mode " + mode_name(snapshot, step.service));
  if (!(step.key == before.key)) append(text, "now " + key_text(before.key, step.key));
  if (step.next_hop != before.next_hop || is_route(step))
    append(text, next_hop_name(snapshot, step.next_hop));
  if (step.out_port != before.out_port)
    append(text, "to port " + port_name(snapshot, step.out_port));
  return text;
}

std::string verdict_text(const TraceStep& step) {
  if (step.verdict == Verdict::none) return {};
  if (step.verdict != Verdict::dropped) return std::string(name_of(step.verdict));
  return "drop, " + std::string(name_of(step.reason));
}

}  // namespace

std::string rule_name(const Snapshot& snapshot, std::uint32_t rule) {
  return rule == 0 ? std::string{} : snapshot.firewall->rule_name(rule - 1);
}

std::string service_name(const Snapshot& snapshot, std::uint32_t service) {
  return service == 0 ? std::string{} : snapshot.balancer->service_name(service - 1);
}

std::string mode_name(const Snapshot& snapshot, std::uint32_t service) {
  if (service == 0) return {};
  switch (snapshot.balancer->services()[service - 1].mode) {
    case balancer::Mode::direct_return:
      return "DIRECT_RETURN";
    case balancer::Mode::ipip:
      return "IPIP";
    case balancer::Mode::gue:
      return "GUE";
    case balancer::Mode::full_nat:
      return "FULL_NAT";
    case balancer::Mode::nat:
      break;
  }
  return "NAT";
}

std::string backend_name(const Snapshot& snapshot, std::uint32_t backend) {
  return backend == 0 ? std::string{} : snapshot.balancer->backend_name(backend - 1);
}

std::string kinds_name(std::uint8_t kinds) {
  std::string text;
  if ((kinds & route::local_kind::kHost) != 0) append(text, "host");
  if ((kinds & route::local_kind::kService) != 0) append(text, "service");
  if ((kinds & route::local_kind::kNameServer) != 0) append(text, "name server");
  if ((kinds & route::local_kind::kTunnel) != 0) append(text, "tunnel source");
  if ((kinds & route::local_kind::kLocalEnd) != 0) append(text, "full NAT");
  return text;
}

std::string next_hop_name(const Snapshot& snapshot, std::uint32_t next_hop) {
  if (next_hop >= snapshot.route->next_hops().size()) return "of another revision";
  const route::NextHop& hop = snapshot.route->next_hop(next_hop);
  switch (hop.kind) {
    case route::RouteKind::gateway:
      return "by " + hop.gateway.text() + " on port " + port_name(snapshot, hop.port);
    case route::RouteKind::connected:
      return "connected on port " + port_name(snapshot, hop.port);
    case route::RouteKind::local:
      return "ours: " + kinds_name(hop.kinds);
    case route::RouteKind::blackhole:
      return "blackhole";
    case route::RouteKind::not_routable:
      return "never routed";
    case route::RouteKind::none:
      break;
  }
  return "no route";
}

std::string port_name(const Snapshot& snapshot, PortId port) {
  if (port == kNoPort) return {};
  if (port == snapshot.route->host_port()) return "host";
  const route::Port& known = snapshot.route->port(port);
  return known.known ? known.name : std::to_string(port);
}

std::string endpoint(const IpAddress& address, std::uint16_t port, bool has_port) {
  if (!has_port) return address.text();
  const std::string text = address.is_v4() ? address.text() : "[" + address.text() + "]";
  return text + ":" + std::to_string(port);
}

std::string summary_of(const TraceRecord& record) {
  std::string text = record.ether_type == 0x0806 ? "arp" : "unknown";
  if (record.ip_version != 0)
    text = protocol_name(record.key.protocol) + " " + flow_text(record.key);
  return text + " length " + std::to_string(record.length);
}

std::vector<StepText> steps_of(const TraceRecord& record, const Snapshot& snapshot) {
  std::vector<StepText> steps;
  TraceStep before;
  before.key = record.key;
  for (unsigned i = 0; i < record.steps_count; ++i) {
    const TraceStep& step = record.steps[i];
    std::string text = change_text(before, step, snapshot);
    append(text, verdict_text(step));
    if (text.empty()) text = "passed on";
    steps.push_back({std::string(stage_name(step.stage)), std::move(text)});
    before = step;
  }
  return steps;
}

}  // namespace sluice
