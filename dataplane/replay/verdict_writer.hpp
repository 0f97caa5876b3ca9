/// What became of each packet, a line of JSON each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/packet/snapshot.hpp"
#include "dataplane/packet/trace.hpp"
#include "dataplane/replay/output_file.hpp"

namespace sluice::replay {

class VerdictWriter {
 public:
  /// The snapshot must outlive it. Error: the file cannot be written.
  [[nodiscard]] static Result<VerdictWriter> create(const std::string& path,
                                                    const Snapshot& snapshot);

  /// `record` has the whole way of packet `number`; `cycles` where they were counted.
  void write(std::uint64_t number, const TraceRecord& record, std::optional<std::uint64_t> cycles);
  /// Error: not everything could be written.
  [[nodiscard]] Result<void> close() { return file_.close(); }

 private:
  VerdictWriter(OutputFile file, const Snapshot& snapshot)
      : file_(std::move(file)), snapshot_(snapshot) {}

  OutputFile file_;
  const Snapshot& snapshot_;
};

/// The stage that decided: the last one that the packet met, or "send" if it was to leave and could
/// not.
[[nodiscard]] std::string_view deciding_stage(const TraceRecord& record);

}  // namespace sluice::replay
