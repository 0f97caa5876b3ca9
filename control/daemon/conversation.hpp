/// The answers of a data plane to one question.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "sluice/v1/steering.pb.h"

namespace sluice::control {

class Conversation {
 public:
  static constexpr std::size_t kQueueMax = 4'096;  ///< answers not yet passed on; more are dropped

  Conversation(std::string node, bool is_trace) : node_(std::move(node)), is_trace_(is_trace) {}

  void put(v1::FromDataplane answer) {
    const std::lock_guard lock(mutex_);
    if (answers_.size() < kQueueMax) answers_.push_back(std::move(answer));
    changed_.notify_one();
  }
  /// The data plane is gone: nothing comes any more.
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  /// The next answer, or nothing after the wait or at the end.
  [[nodiscard]] std::optional<v1::FromDataplane> next(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [&] { return ended_ || !answers_.empty(); });
    if (answers_.empty()) return std::nullopt;
    v1::FromDataplane answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  [[nodiscard]] bool ended() {
    const std::lock_guard lock(mutex_);
    return ended_ && answers_.empty();
  }
  [[nodiscard]] const std::string& node() const { return node_; }
  /// The data plane goes on until it is told to stop.
  [[nodiscard]] bool is_trace() const { return is_trace_; }

 private:
  const std::string node_;
  const bool is_trace_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::FromDataplane> answers_;
  bool ended_ = false;
};

}  // namespace sluice::control
