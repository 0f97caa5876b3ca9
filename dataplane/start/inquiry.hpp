/// A question of an operator to this data plane, while workers look for the answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/packet/question.hpp"
#include "dataplane/packet/snapshot.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::start {

/// A question to one worker.
struct WorkerQuestion {
  std::uint16_t worker = 0;
  std::unique_ptr<Question> question;
};

/// Used by the control thread.
class Inquiry {
 public:
  virtual ~Inquiry() = default;

  /// What to ask at first; empty: it is answered as it is.
  [[nodiscard]] virtual Result<std::vector<WorkerQuestion>> begin(
      std::shared_ptr<const Snapshot> live) = 0;
  /// Takes a worker's answer. What it returns is asked too; empty: nothing more.
  [[nodiscard]] virtual std::vector<WorkerQuestion> take(WorkerQuestion answer,
                                                         std::shared_ptr<const Snapshot> live) = 0;
  /// Everything asked is answered. Results without id, the last one last.
  [[nodiscard]] virtual std::vector<v1::QueryResult> results() = 0;
};

}  // namespace sluice::start
