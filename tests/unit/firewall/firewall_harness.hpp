/// Rules in, verdicts out: the stages of the firewall over built frames.
#pragma once

#include <string>
#include <vector>

#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/firewall/stages.hpp"
#include "dataplane/firewall/tracker.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice::firewall::test {

using sluice::test::Bytes;
using sluice::test::packet;

/// A source with one document "edge" at lab.yaml:30, ports wan (0) and lan (1).
[[nodiscard]] Source source_of(std::string_view text);
/// The rules inside a table inet with one chain at hook forward.
[[nodiscard]] Source forward_chain(std::string_view rules, std::string_view policy = "accept");
/// "WHERE: WHAT; FIX" of every error; empty: it compiled.
[[nodiscard]] std::vector<std::string> errors_of(const Source& source);

/// One rule set with its tracker, and a clock.
class Firewall {
 public:
  /// Throws std::invalid_argument with the first error.
  explicit Firewall(const Source& source);

  struct Result {
    Verdict verdict = Verdict::none;
    DropReason reason = DropReason::none;
    ConnectionState state = ConnectionState::untracked;
    std::string rule;  ///< name of the deciding rule
    std::uint8_t reject_type = 0;
    std::uint8_t reject_code = 0;
    /// "accept", or the name of the reason.
    [[nodiscard]] std::string text() const;
  };
  /// Frames of one burst; bits of `local` are packets for this host.
  std::vector<Result> run_burst(const std::vector<Bytes>& frames, std::uint64_t local = 0,
                                PortId in_port = 0);
  /// A burst of one.
  Result run(const Bytes& frame) { return run_burst({frame}).at(0); }
  /// A packet for this host.
  Result run_local(const Bytes& frame) { return run_burst({frame}, 1).at(0); }

  void pass_time(Nanoseconds time) { harness_.context.now += time; }
  [[nodiscard]] SlotValue counter(const std::string& name) const;
  [[nodiscard]] const RuleSet& rules() const { return *rules_; }
  [[nodiscard]] const Tracker& tracker() const { return tracker_; }
  /// Another rule set for the same connections and counters.
  void replace(const Source& source);

 private:
  sluice::test::StageHarness harness_;
  std::shared_ptr<const RuleSet> rules_;
  Tracker tracker_;
};

}  // namespace sluice::firewall::test
