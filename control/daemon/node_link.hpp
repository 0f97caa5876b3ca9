/// What goes down to one connected data plane. Any thread puts in; the thread that writes the
/// stream takes out.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "sluice/v1/steering.pb.h"

namespace sluice::control {

class NodeLink {
 public:
  using Message = std::shared_ptr<const v1::ToDataplane>;
  static constexpr std::size_t kQueueMax = 256;  ///< questions not yet sent

  /// The snapshot to send next; replaces one that is not yet sent.
  void steer(Message snapshot);
  /// False: closed, or too many are waiting.
  [[nodiscard]] bool push(Message message);
  /// Waits for something to send; a snapshot goes first. Null: closed.
  [[nodiscard]] Message take();
  void close();
  [[nodiscard]] bool closed() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Message snapshot_;
  std::deque<Message> queue_;
  bool closed_ = false;
};

}  // namespace sluice::control
