#include "dataplane/replay/verdict_writer.hpp"

#include <fmt/format.h>

#include "dataplane/packet/names.hpp"
#include "dataplane/packet/pipeline.hpp"

namespace sluice::replay {
namespace {

/// RFC 8259 section 7; absent where there is nothing to say.
std::string json(std::string_view text) {
  if (text.empty()) return "null";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool leaves(Verdict verdict) {
  return verdict == Verdict::sent || verdict == Verdict::answered || verdict == Verdict::punted;
}

}  // namespace

std::string_view deciding_stage(const TraceRecord& record) {
  if (record.steps_count == 0) return "send";
  const TraceStep& last = record.steps[record.steps_count - 1];
  return last.verdict == record.verdict ? stage_name(last.stage) : "send";
}

Result<VerdictWriter> VerdictWriter::create(const std::string& path, const Snapshot& snapshot) {
  auto file = OutputFile::create(path);
  if (!file) return tl::unexpected(file.error());
  return VerdictWriter(*std::move(file), snapshot);
}

void VerdictWriter::write(std::uint64_t number, const TraceRecord& record,
                          std::optional<std::uint64_t> cycles) {
  const TraceStep none;
  const TraceStep& last = record.steps_count == 0 ? none : record.steps[record.steps_count - 1];
  const bool dropped = record.verdict == Verdict::dropped;
  const PortId out = leaves(record.verdict) ? last.out_port : kNoPort;
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line),
                 R"({{"n": {}, "in": {}, "verdict": {}, "reason": {}, "stage": {}, "rule": {}, )"
                 R"("service": {}, "backend": {}, "mode": {}, "out": {}, "cycles": {}}})"
                 "\n",
                 number, json(port_name(snapshot_, record.in_port)), json(name_of(record.verdict)),
                 json(dropped ? name_of(record.reason) : ""), json(deciding_stage(record)),
                 json(rule_name(snapshot_, last.rule)), json(service_name(snapshot_, last.service)),
                 json(backend_name(snapshot_, last.backend)),
                 json(mode_name(snapshot_, last.service)), json(port_name(snapshot_, out)),
                 cycles ? std::to_string(*cycles) : "null");
  file_.put(std::string_view(line.data(), line.size()));
}

}  // namespace sluice::replay
