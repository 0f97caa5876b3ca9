/// One thread's loop: timers, operations under way, and the tasks that wait for them. turn(now) is
/// called by a shard's thread in production and by the simulator in tests; it never blocks.
#pragma once

#include <coroutine>
#include <span>
#include <vector>

#include "dataplane/io/ring.hpp"
#include "dataplane/io/task.hpp"
#include "dataplane/io/timers.hpp"

namespace sluice::io {

inline constexpr Nanoseconds kNever = ~Nanoseconds{0};

class Reactor final : public Completions {
 public:
  Reactor(Ring& ring, Nanoseconds now);
  ~Reactor() override;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Starts a task that nobody awaits; it runs to its first wait at the next turn.
  void spawn(Task<void> task);
  /// Fires timers, resumes what can go on, submits and reaps, until nothing more can happen at
  /// `now`.
  void turn(Nanoseconds now);
  /// When turn has something to do at the latest if nothing completes, or kNever.
  [[nodiscard]] Nanoseconds next() const { return timers_.next(kNever); }
  /// Waits in the kernel for a completion, at most `wait` nanoseconds.
  void wait(Nanoseconds wait) { ring_.reap(*this, wait); }
  /// Every operation under way and every sleep ends with -ECANCELED; new ones do at once.
  void stop();
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] std::size_t tasks() const { return tasks_; }
  [[nodiscard]] Nanoseconds now() const { return now_; }
  [[nodiscard]] Ring& ring() { return ring_; }

  /// Awaited, performs an operation and gives its result: bytes or a descriptor, or -errno. With a
  /// time-out it gives -ETIMEDOUT when that passes first.
  class [[nodiscard]] Awaiter {
   public:
    Awaiter(Reactor& reactor, OperationKind kind, int descriptor, void* buffer, std::size_t length,
            std::uint64_t offset, Nanoseconds timeout = kNever);
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    [[nodiscard]] std::int32_t await_resume() const;

   private:
    friend class Reactor;
    Reactor& reactor_;
    Nanoseconds timeout_;
    Operation operation_;
  };

  /// Bytes into `into` from `offset` of a file; may give fewer.
  Awaiter read(int descriptor, std::span<std::uint8_t> into, std::uint64_t offset) {
    return {*this, OperationKind::read, descriptor, into.data(), into.size(), offset};
  }
  /// Bytes to `offset` of a file; may take fewer. `durable`: on the medium before it completes.
  Awaiter write(int descriptor, std::span<const std::uint8_t> from, std::uint64_t offset,
                bool durable = false);
  /// Everything written before is on the medium (fdatasync).
  Awaiter sync(int descriptor) { return {*this, OperationKind::sync, descriptor, nullptr, 0, 0}; }
  /// A connection's descriptor; `peer` must outlive the wait.
  Awaiter accept(int listener, sockaddr_storage& peer) {
    return {*this, OperationKind::accept, listener, &peer, sizeof peer, 0};
  }
  /// Bytes that have come, at least one; 0 at the end of the stream.
  Awaiter receive(int descriptor, std::span<std::uint8_t> into, Nanoseconds timeout = kNever) {
    return {*this, OperationKind::receive, descriptor, into.data(), into.size(), 0, timeout};
  }
  /// Sends some of the bytes.
  Awaiter send(int descriptor, std::span<const std::uint8_t> from, Nanoseconds timeout = kNever);
  /// Waits for poll(2) events of a descriptor.
  Awaiter poll(int descriptor, unsigned events) {
    return {*this, OperationKind::poll, descriptor, nullptr, 0, events};
  }

  /// Awaited, goes on at a time: true, or false if the reactor stops first.
  class Sleep {
   public:
    Sleep(Reactor& reactor, Nanoseconds until) : reactor_(reactor), until_(until) {}
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;
    [[nodiscard]] bool await_ready() const noexcept { return reactor_.stopping_; }
    void await_suspend(std::coroutine_handle<> waiter);
    [[nodiscard]] bool await_resume() const noexcept { return !reactor_.stopping_; }

   private:
    friend class Reactor;
    Reactor& reactor_;
    Nanoseconds until_;
    Timer timer_;
    std::coroutine_handle<> waiter_;
    Sleep* next_ = nullptr;
    Sleep* previous_ = nullptr;
  };
  [[nodiscard]] Sleep sleep_until(Nanoseconds when) { return {*this, when}; }
  [[nodiscard]] Sleep sleep_for(Nanoseconds time) { return {*this, now_ + time}; }

  void complete(Operation& operation) override;

 private:
  struct Root;  // the coroutine around a spawned task

  [[nodiscard]] Root run_root(Task<void> task);
  void start(Operation& operation);
  bool resume_ready();

  Ring& ring_;
  Timers timers_;
  Nanoseconds now_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
  Operation under_way_;  // head of a circular list
  Sleep* sleeping_ = nullptr;
  std::size_t tasks_ = 0;
  bool stopping_ = false;
};

}  // namespace sluice::io
