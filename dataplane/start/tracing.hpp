/// `sluice trace`: one filter at a time to all workers, and their records in words.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataplane/packet/snapshot.hpp"
#include "dataplane/packet/trace.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::start {

/// Translates a filter; `ports` by PortId. Error: a field that cannot be understood.
[[nodiscard]] Result<TraceFilter> trace_filter_of(const v1::TraceFilter& filter,
                                                  const std::vector<std::string>& ports);

/// Used by the control thread.
class Tracing {
 public:
  static constexpr std::uint32_t kPacketsMax = 10'000;  ///< of a trace that names no limit
  using Sink = std::function<void(v1::FromDataplane)>;

  /// `channels` by worker; they must outlive it.
  Tracing(std::vector<TraceChannel*> channels, std::vector<std::string> ports);

  /// Begins a trace in place of the one that runs, if any.
  [[nodiscard]] Result<void> begin(const v1::Trace& trace);
  /// Ends the trace if it is that one.
  void end(std::uint64_t id);
  /// Hands out what the workers have traced. `now` is of the workers' clock.
  void collect(Nanoseconds now, Nanoseconds unix_now, const Snapshot& live, const Sink& sink);

 private:
  void set_filters(const TraceFilter& filter);
  [[nodiscard]] v1::FromDataplane text_of(const TraceRecord& record, const Snapshot& live) const;

  std::vector<TraceChannel*> channels_;
  std::vector<std::string> ports_;
  std::vector<TraceRecord> records_;  ///< room for what one worker hands over at once
  std::uint64_t id_ = 0;              ///< of the control daemon's trace; 0: none
  std::uint32_t filter_ = 0;          ///< number of the filter that the workers have
  std::uint32_t left_ = 0;
};

}  // namespace sluice::start
