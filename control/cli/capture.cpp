// Packets as they came in, into a capture file, each with what became of it.
#include <iostream>
#include <optional>

#include "control/cli/client.hpp"
#include "control/cli/commands.hpp"
#include "control/cli/print.hpp"
#include "dataplane/replay/capture_writer.hpp"

namespace sluice::cli {
namespace {

/// A file, or standard output as "-".
std::string path_of(const std::string& name) {
  return name == "-" ? "/dev/stdout" : name;
}

std::string comment_of(const v1::TracedPacket& packet) {
  std::string text = packet.verdict();
  if (!packet.reason().empty()) text += " (" + packet.reason() + ")";
  for (const v1::TraceStep& step : packet.steps())
    text += "\n" + step.stage() + ": " + step.decision();
  return text;
}

void write(const v1::TracedPacket& packet, replay::CaptureWriter& writer) {
  const std::string& frame = packet.frame();
  writer.write(writer.interface(packet.in_port()), packet.time_unix_nanoseconds(),
               {reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()}, packet.length(),
               comment_of(packet));
}

}  // namespace

Exit capture(const Invocation& invocation) {
  auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  auto writer = replay::CaptureWriter::create_growing(path_of(invocation.out_file));
  if (!writer) return failed(writer.error());
  v1::TraceRequest request;
  request.set_node(invocation.node);
  *request.mutable_trace()->mutable_filter() = invocation.filter;
  request.mutable_trace()->set_limit(invocation.limit);
  request.mutable_trace()->set_snap(invocation.snap);
  std::uint64_t packets = 0;
  std::optional<Error> broken;
  const auto done = (*client)->trace(request, [&](const v1::TracedPacket& packet) {
    if (packet.summary().empty() && packet.last()) return true;
    ++packets;
    write(packet, *writer);
    // Whoever stops it by Ctrl-C, or reads along, has every packet whole.
    const auto flushed = writer->flush();
    if (!flushed) broken = flushed.error();
    return flushed.has_value();
  });
  if (broken) return failed(*broken);
  if (!done) return failed(done.error());
  if (const auto closed = writer->close(); !closed) return failed(closed.error());
  std::cerr << packets << " packets\n";
  return Exit::done;
}

}  // namespace sluice::cli
