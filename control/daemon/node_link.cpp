#include "control/daemon/node_link.hpp"

namespace sluice::control {

void NodeLink::steer(Message snapshot) {
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
  changed_.notify_one();
}

bool NodeLink::push(Message message) {
  const std::lock_guard lock(mutex_);
  if (closed_ || queue_.size() >= kQueueMax) return false;
  queue_.push_back(std::move(message));
  changed_.notify_one();
  return true;
}

NodeLink::Message NodeLink::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || snapshot_ != nullptr || !queue_.empty(); });
  if (closed_) return nullptr;
  if (snapshot_ != nullptr) return std::exchange(snapshot_, nullptr);
  Message next = std::move(queue_.front());
  queue_.pop_front();
  return next;
}

void NodeLink::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool NodeLink::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace sluice::control
