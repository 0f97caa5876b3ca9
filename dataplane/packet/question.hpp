/// What the control thread asks of a worker about its tables. A question travels to the worker and
/// back in rings; the worker looks into its tables a slice a turn, allocates nothing, and changes
/// nothing but the question, which brings the room for its answer.
#pragma once

#include "dataplane/packet/context.hpp"
#include "dataplane/runtime/ring.hpp"

namespace sluice {

class Pipeline;
struct Snapshot;

/// Belongs to the control thread, except between QuestionChannel::asked and ::answered.
class Question {
 public:
  virtual ~Question() = default;
  /// On the worker's thread: a slice of work of a few microseconds at most. True: it is answered.
  [[nodiscard]] virtual bool advance(const Pipeline& pipeline, const Context& context,
                                     const Snapshot& snapshot) = 0;
};

/// Between the control thread and one worker.
struct QuestionChannel {
  static constexpr std::uint32_t kQuestionsMax = 7;  ///< that may be asked and not yet answered
  SpscRing<Question*> asked{kQuestionsMax};
  SpscRing<Question*> answered{kQuestionsMax};
};

}  // namespace sluice
