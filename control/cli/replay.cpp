// What the data plane would do with the packets of a capture.
#include "dataplane/replay/replay.hpp"

#include <iostream>

#include <fmt/format.h>

#include "control/cli/commands.hpp"
#include "control/cli/load.hpp"
#include "control/cli/print.hpp"
#include "control/model/compile.hpp"

namespace sluice::cli {
namespace {

void print_summary(const replay::Summary& summary) {
  std::uint64_t dropped = 0;
  for (const std::uint64_t count : summary.dropped) dropped += count;
  std::cout << fmt::format(
      "{} packets over {:.6f} s: {} sent, {} answered, {} punted, {} held, {} dropped\n",
      summary.packets, static_cast<double>(summary.span) / static_cast<double>(kSecond),
      summary.sent, summary.answered, summary.punted, summary.held, dropped);
  Table table({"DROPPED", "REASON", "MEANING"});
  for (unsigned i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (summary.dropped[i] == 0) continue;
    table.add({std::to_string(summary.dropped[i]), std::string(name_of(reason)),
               std::string(meaning_of(reason))});
  }
  if (!table.empty()) std::cout << table.text();
  if (summary.originated != 0)
    std::cout << summary.originated << " frames of our own are in the output\n";
  if (summary.cut != 0)
    std::cerr << "sluice: " << summary.cut
              << " packets are not whole in the capture and were judged as they are there; capture "
                 "with a larger snapshot length\n";
}

void print_summary_json(const replay::Summary& summary) {
  std::string dropped;
  for (unsigned i = 0; i < kDropReasons; ++i) {
    if (summary.dropped[i] == 0) continue;
    dropped += fmt::format("{}\"{}\": {}", dropped.empty() ? "" : ", ",
                           name_of(static_cast<DropReason>(i)), summary.dropped[i]);
  }
  std::cout << fmt::format(
      R"({{"packets": {}, "nanoseconds": {}, "sent": {}, "answered": {}, "punted": {}, )"
      R"("held": {}, "dropped": {{{}}}, "originated": {}, "cut": {}}})"
      "\n",
      summary.packets, summary.span, summary.sent, summary.answered, summary.punted, summary.held,
      dropped, summary.originated, summary.cut);
}

}  // namespace

Exit replay_capture(const Invocation& invocation) {
  model::LoadedState loaded;
  if (!load_whole(invocation, loaded)) return Exit::refused;
  model::Problems problems;
  const Sources sources =
      model::compile_sources(loaded.state, model::facts_of(loaded.state), problems, &loaded.places);
  problems.locate(loaded.places);
  print_problems(problems.list(), problems.not_kept());
  if (!problems.empty()) return Exit::refused;
  replay::Summary summary;
  const auto done = replay::replay(sources,
                                   {.in = invocation.in_file,
                                    .port = invocation.in_port,
                                    .out = invocation.out_file,
                                    .verdicts = invocation.verdicts_file,
                                    .cycles = invocation.cycles,
                                    .burst = invocation.burst},
                                   summary);
  if (done || summary.packets != 0) {
    if (invocation.output == Output::json) {
      print_summary_json(summary);
    } else {
      print_summary(summary);
    }
  }
  return done ? Exit::done : failed(done.error());
}

}  // namespace sluice::cli
