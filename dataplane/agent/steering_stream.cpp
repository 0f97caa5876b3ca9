#include "dataplane/agent/steering_stream.hpp"

#include <fmt/format.h>

namespace sluice::agent {

SteeringClient::Stream::Stream(const SteeringOptions& options,
                               std::shared_ptr<grpc::Channel> channel, v1::FromDataplane hello)
    : options_(options), channel_(std::move(channel)), stub_(v1::Steering::NewStub(channel_)) {
  const std::lock_guard lock(mutex_);  // callbacks may come before this returns
  outbox_.push_back(std::move(hello));
  stub_->async()->Connect(&context_, this);
  AddHold();  // sends are started from outside the callbacks
  StartRead(&incoming_);
  StartWrite(&outbox_.front());
  StartCall();
}

SteeringClient::Stream::~Stream() {
  context_.TryCancel();
  std::unique_lock lock(mutex_);
  let_go();
  over_.wait(lock, [this] { return status_.has_value(); });
}

void SteeringClient::Stream::let_go() {
  if (held_) RemoveHold();
  held_ = false;
}

void SteeringClient::Stream::OnReadDone(bool good) {
  {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (!good) {
      let_go();
      return;
    }
    heard_ = true;
    inbox_.push_back(std::move(incoming_));
    if (inbox_.size() < options_.inbox_max) {
      reading_ = true;
      StartRead(&incoming_);
    }
  }
  options_.wake();
}

void SteeringClient::Stream::OnWriteDone(bool good) {
  const std::lock_guard lock(mutex_);
  if (!good) return;  // the read fails too, and ends it
  outbox_.pop_front();
  if (!outbox_.empty() && held_) StartWrite(&outbox_.front());
}

void SteeringClient::Stream::OnDone(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);  // held to the end: without it the stream may be gone
  status_ = status;
  options_.wake();
  over_.notify_all();
}

std::optional<v1::ToDataplane> SteeringClient::Stream::take() {
  const std::lock_guard lock(mutex_);
  if (inbox_.empty()) return std::nullopt;
  std::optional<v1::ToDataplane> message = std::move(inbox_.front());
  inbox_.pop_front();
  if (!reading_ && held_) {
    reading_ = true;
    StartRead(&incoming_);
  }
  return message;
}

bool SteeringClient::Stream::send(v1::FromDataplane message) {
  const std::lock_guard lock(mutex_);
  if (!held_ || outbox_.size() >= options_.outbox_max) return false;
  outbox_.push_back(std::move(message));
  if (outbox_.size() == 1) StartWrite(&outbox_.front());
  return true;
}

std::size_t SteeringClient::Stream::unsent() const {
  const std::lock_guard lock(mutex_);
  return outbox_.size();
}

bool SteeringClient::Stream::heard() const {
  const std::lock_guard lock(mutex_);
  return heard_;
}

std::optional<Error> SteeringClient::Stream::ended() const {
  const std::lock_guard lock(mutex_);
  if (!status_) return std::nullopt;
  if (status_->ok()) return Error{"the control daemon closed the stream", options_.target, ""};
  return Error{status_->error_message(), options_.target, ""};
}

}  // namespace sluice::agent
