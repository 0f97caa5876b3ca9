/// What goes down to one connected data plane. Any thread puts in; the thread that writes the
/// stream takes out.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "sluice/v1/steering.pb.h"

namespace sluice::control {

/// Service, backend, address: what names a backend in all that is said of its health.
using HealthKey = std::tuple<std::string, std::string, std::string>;
[[nodiscard]] HealthKey health_key(const v1::BackendHealth& health);
[[nodiscard]] v1::Health health_message(const std::map<HealthKey, bool>& health);

class NodeLink {
 public:
  using Message = std::shared_ptr<const v1::ToDataplane>;
  static constexpr std::size_t kQueueMax = 256;  ///< questions not yet sent

  /// The snapshot to send next; replaces one that is not yet sent.
  void steer(Message snapshot);
  /// What checks have decided; joined with what is not yet sent, the later word on a backend
  /// counts.
  void tell(const v1::Health& health);
  /// False: closed, or too many are waiting.
  [[nodiscard]] bool push(Message message);
  /// Waits for something to send; a snapshot goes first, then health. Null: closed.
  [[nodiscard]] Message take();
  void close();
  [[nodiscard]] bool closed() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Message snapshot_;
  std::map<HealthKey, bool> health_;  ///< not yet sent
  std::deque<Message> queue_;
  bool closed_ = false;
};

}  // namespace sluice::control
