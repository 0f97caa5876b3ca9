#include "dataplane/io/reactor.hpp"

#include <cassert>
#include <cerrno>
#include <utility>

namespace sluice::io {

/// Owns itself: destroyed when the task in it has ended.
struct Reactor::Root {
  struct promise_type {
    [[nodiscard]] Root get_return_object() {
      return Root{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Reactor::Reactor(Ring& ring, Nanoseconds now) : ring_(ring), timers_(now), now_(now) {
  under_way_.next = under_way_.previous = &under_way_;
}

Reactor::~Reactor() {
  assert(tasks_ == 0 && "stop the reactor and turn it until its tasks have ended");
}

Reactor::Root Reactor::run_root(Task<void> task) {
  co_await std::move(task);
  --tasks_;
}

void Reactor::spawn(Task<void> task) {
  ++tasks_;
  ready_.push_back(run_root(std::move(task)).handle);
}

void Reactor::turn(Nanoseconds now) {
  now_ = now;
  timers_.advance(now);
  resume_ready();
  do {
    ring_.reap(*this, 0);
  } while (resume_ready());
}

bool Reactor::resume_ready() {
  bool any = false;
  while (!ready_.empty()) {
    any = true;
    running_.swap(ready_);
    for (const auto handle : running_) handle.resume();
    running_.clear();
  }
  return any;
}

void Reactor::start(Operation& operation) {
  if (stopping_) {
    operation.result = -ECANCELED;
    ready_.push_back(operation.waiter);
    return;
  }
  operation.previous = under_way_.previous;
  operation.next = &under_way_;
  under_way_.previous->next = &operation;
  under_way_.previous = &operation;
  ring_.submit(operation);
}

void Reactor::complete(Operation& operation) {
  operation.previous->next = operation.next;
  operation.next->previous = operation.previous;
  timers_.cancel(operation.timer);
  ready_.push_back(operation.waiter);
}

void Reactor::stop() {
  stopping_ = true;
  for (Operation* op = under_way_.next; op != &under_way_; op = op->next) ring_.cancel(*op);
  while (sleeping_ != nullptr) {
    Sleep* sleep = std::exchange(sleeping_, sleeping_->next_);
    timers_.cancel(sleep->timer_);
    ready_.push_back(sleep->waiter_);
  }
}

Reactor::Awaiter::Awaiter(Reactor& reactor, OperationKind kind, int descriptor, void* buffer,
                          std::size_t length, std::uint64_t offset, Nanoseconds timeout)
    : reactor_(reactor), timeout_(timeout) {
  operation_.kind = kind;
  operation_.descriptor = descriptor;
  operation_.buffer = buffer;
  operation_.length = static_cast<std::uint32_t>(length);
  operation_.offset = offset;
}

void Reactor::Awaiter::await_suspend(std::coroutine_handle<> waiter) {
  operation_.waiter = waiter;
  reactor_.start(operation_);
  if (timeout_ == kNever || reactor_.stopping_) return;
  const auto expire = [](void* argument) {
    auto* self = static_cast<Awaiter*>(argument);
    self->operation_.timed_out = true;
    self->reactor_.ring_.cancel(self->operation_);
  };
  reactor_.timers_.set(operation_.timer, reactor_.now_ + timeout_, expire, this);
}

std::int32_t Reactor::Awaiter::await_resume() const {
  const bool ended_by_timer = operation_.timed_out && operation_.result == -ECANCELED;
  return ended_by_timer ? -ETIMEDOUT : operation_.result;
}

// The kind of operation says that the kernel only reads these buffers.
Reactor::Awaiter Reactor::write(int descriptor, std::span<const std::uint8_t> from,
                                std::uint64_t offset, bool durable) {
  const auto kind = durable ? OperationKind::write_durable : OperationKind::write;
  return {*this, kind, descriptor, const_cast<std::uint8_t*>(from.data()), from.size(), offset};
}

Reactor::Awaiter Reactor::send(int descriptor, std::span<const std::uint8_t> from,
                               Nanoseconds timeout) {
  return {*this,       OperationKind::send,
          descriptor,  const_cast<std::uint8_t*>(from.data()),
          from.size(), 0,
          timeout};
}

void Reactor::Sleep::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  previous_ = nullptr;
  next_ = reactor_.sleeping_;
  if (next_ != nullptr) next_->previous_ = this;
  reactor_.sleeping_ = this;
  const auto wake = [](void* argument) {
    auto* self = static_cast<Sleep*>(argument);
    if (self->next_ != nullptr) self->next_->previous_ = self->previous_;
    (self->previous_ != nullptr ? self->previous_->next_ : self->reactor_.sleeping_) = self->next_;
    self->reactor_.ready_.push_back(self->waiter_);
  };
  reactor_.timers_.set(timer_, until_, wake, this);
}

}  // namespace sluice::io
