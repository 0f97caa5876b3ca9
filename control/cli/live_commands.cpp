// Commands that show what the data planes do now.
#include <chrono>
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "control/cli/client.hpp"
#include "control/cli/commands.hpp"
#include "control/cli/print.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::cli {
namespace {

std::uint64_t now_unix() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

std::string ports_text(const v1::NodeStatus& node) {
  std::string out;
  for (const v1::PortFact& port : node.ports()) {
    out += (out.empty() ? "" : " ") + port.name() + (port.link_up() ? ":up" : ":down");
  }
  return out;
}

void print_status(const v1::StatusResponse& response) {
  std::cout << "revision " << response.revision() << ", sluice-control " << response.version()
            << '\n';
  if (response.nodes().empty()) {
    std::cout << "no data plane has connected\n";
    return;
  }
  Table table({"NODE", "STATE", "REVISION", "HEALTH", "WORKERS", "PORTS", "UP", "VERSION"});
  for (const v1::NodeStatus& node : response.nodes()) {
    const std::uint64_t now = now_unix();
    const std::uint64_t start = std::min(node.start_time_unix(), now);
    const std::string health = !node.connected()                 ? "-"
                               : node.unhealthy_reason().empty() ? "good"
                                                                 : node.unhealthy_reason();
    table.add({node.node(), node.state(), std::to_string(node.revision()), health,
               std::to_string(node.workers()), ports_text(node),
               node.connected() ? duration_text(now - start) : "-", node.version()});
  }
  std::cout << table.text();
  for (const v1::NodeStatus& node : response.nodes()) {
    for (const v1::Problem& problem : node.problems()) {
      std::cout << node.node() << " refused: " << model::text_of(problem) << '\n';
    }
  }
}

std::string packet_text(const v1::TracedPacket& packet) {
  const auto seconds = static_cast<std::time_t>(packet.time_unix_nanoseconds() / 1'000'000'000);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::string out =
      fmt::format("{:02}:{:02}:{:02}.{:06} worker {} port {}  {}\n", parts.tm_hour, parts.tm_min,
                  parts.tm_sec, packet.time_unix_nanoseconds() / 1'000 % 1'000'000, packet.worker(),
                  packet.in_port(), packet.summary());
  for (const v1::TraceStep& step : packet.steps()) {
    out += fmt::format("    {:<10} {}\n", step.stage(), step.decision());
  }
  out += "    verdict    " + packet.verdict();
  if (!packet.reason().empty()) out += " (" + packet.reason() + ")";
  return out + '\n';
}

/// One line a packet, so that a reader need not wait for the end.
std::string one_line(std::string_view json) {
  std::string out;
  bool at_start = false;
  for (const char c : json) {
    if (c == '\n') {
      at_start = true;
    } else if (!at_start || c != ' ') {
      if (at_start && out.back() == ',') out += ' ';
      at_start = false;
      out += c;
    }
  }
  return out;
}

}  // namespace

Exit status(const Invocation& invocation) {
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  const auto response = (*client)->status();
  if (!response) return failed(response.error());
  if (invocation.output == Output::json) {
    print_json(*response);
  } else {
    print_status(*response);
  }
  return Exit::done;
}

Exit trace(const Invocation& invocation) {
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  v1::TraceRequest request;
  request.set_node(invocation.node);
  *request.mutable_trace()->mutable_filter() = invocation.filter;
  request.mutable_trace()->set_limit(invocation.limit);
  const auto done = (*client)->trace(request, [&](const v1::TracedPacket& packet) {
    // The last message may only say that the limit is reached.
    if (packet.summary().empty() && packet.last()) return true;
    if (invocation.output == Output::json) {
      std::cout << one_line(model::message_to_json(packet, 0, model::Absent::shown)) << '\n';
    } else {
      std::cout << packet_text(packet);
    }
    std::cout.flush();
    return true;
  });
  return done ? Exit::done : failed(done.error());
}

Exit show_counters(const Invocation& invocation) {
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  const auto response = (*client)->status();
  if (!response) return failed(response.error());
  Table table({"NODE", "COUNTER", "LABELS", "VALUE"});
  std::string json;
  for (const v1::NodeStatus& node : response->nodes()) {
    if (!invocation.node.empty() && node.node() != invocation.node) continue;
    for (const v1::Sample& sample : node.samples()) {
      const std::string labels = labels_text(sample);
      const bool named = sample.name().find(invocation.name) != std::string::npos ||
                         labels.find(invocation.name) != std::string::npos;
      if (!named) continue;
      table.add({node.node(), sample.name(), labels, number_text(sample.value())});
      json += (json.empty() ? "\n  " : ",\n  ") +
              model::message_to_json(sample, 2, model::Absent::shown);
    }
  }
  if (invocation.output == Output::json) {
    std::cout << '[' << json << (json.empty() ? "]\n" : "\n]\n");
  } else {
    std::cout << table.text();
  }
  return Exit::done;
}

Exit version(const Invocation& invocation) {
  const auto client = Client::connect(invocation.target);
  std::string daemon;
  if (client) {
    if (const auto response = (*client)->version()) daemon = response->version();
  }
  if (invocation.output == Output::json) {
    std::cout << "{\n  \"sluice\": " << model::json_string(SLUICE_VERSION)
              << ",\n  \"sluice-control\": "
              << (daemon.empty() ? "null" : model::json_string(daemon)) << "\n}\n";
    return Exit::done;
  }
  std::cout << "sluice " << SLUICE_VERSION << "\nsluice-control "
            << (daemon.empty() ? "not reached" : daemon) << '\n';
  return Exit::done;
}

}  // namespace sluice::cli
