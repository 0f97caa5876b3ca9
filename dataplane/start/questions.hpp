/// `sluice why` and the live tables: questions to the workers, and their answers in words.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "dataplane/runtime/clock.hpp"
#include "dataplane/start/inquiry.hpp"

namespace sluice::start {

/// One inquiry at a time; others wait. Used by the control thread. It must outlive the workers'
/// threads, which may still hold a question of it.
class Questions {
 public:
  static constexpr std::size_t kWaitingMax = 16;         ///< more are refused
  static constexpr Nanoseconds kPatience = 3 * kSecond;  ///< with workers that do not answer
  using Sink = std::function<void(v1::FromDataplane)>;

  /// `channels` by worker; they must outlive it.
  explicit Questions(std::vector<QuestionChannel*> channels);

  /// Queues an inquiry that answers the query `id`.
  void ask(std::uint64_t id, std::unique_ptr<Inquiry> inquiry);
  /// Queues the answer to a query that cannot be asked.
  void refuse(std::uint64_t id, Error error) { refused_.emplace_back(id, std::move(error)); }
  /// Moves on what is being answered and hands out results. `live` may be null.
  void turn(Nanoseconds now, const std::shared_ptr<const Snapshot>& live, const Sink& sink);

 private:
  struct Waiting {
    std::uint64_t id;
    std::unique_ptr<Inquiry> inquiry;
  };
  using Live = std::shared_ptr<const Snapshot>;

  void begin(Nanoseconds now, const Live& live);
  void put(std::vector<WorkerQuestion> questions);
  void take_answers(const Live& live);
  void take_answer(std::uint16_t worker, const Question* question, const Live& live);
  void finish(const Sink& sink);
  void fail_with(Error error) { error_ = std::move(error); }

  std::vector<QuestionChannel*> channels_;
  std::deque<Waiting> waiting_;  ///< the first is being answered, once begun_
  std::vector<std::pair<std::uint64_t, Error>> refused_;
  std::vector<WorkerQuestion> asked_;      ///< of the first
  std::vector<WorkerQuestion> abandoned_;  ///< of earlier ones: a worker may still hold them
  std::optional<Error> error_;
  Nanoseconds deadline_ = 0;
  bool begun_ = false;
};

}  // namespace sluice::start
