#include "control/daemon/node_link.hpp"

namespace sluice::control {

HealthKey health_key(const v1::BackendHealth& health) {
  return {health.service(), health.backend(), health.address()};
}

v1::Health health_message(const std::map<HealthKey, bool>& health) {
  v1::Health out;
  for (const auto& [key, healthy] : health) {
    v1::BackendHealth& one = *out.add_backends();
    one.set_service(std::get<0>(key));
    one.set_backend(std::get<1>(key));
    one.set_address(std::get<2>(key));
    one.set_healthy(healthy);
  }
  return out;
}

void NodeLink::tell(const v1::Health& health) {
  const std::lock_guard lock(mutex_);
  for (const v1::BackendHealth& one : health.backends()) health_[health_key(one)] = one.healthy();
  changed_.notify_one();
}

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
  changed_.wait(
      lock, [&] { return closed_ || snapshot_ != nullptr || !health_.empty() || !queue_.empty(); });
  if (closed_) return nullptr;
  if (snapshot_ != nullptr) return std::exchange(snapshot_, nullptr);
  if (!health_.empty()) {
    auto message = std::make_shared<v1::ToDataplane>();
    *message->mutable_health() = health_message(std::exchange(health_, {}));
    return message;
  }
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
