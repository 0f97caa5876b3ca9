#include "dataplane/io/uring.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <liburing.h>
#include <unistd.h>

namespace sluice::io {

struct Uring::State {
  io_uring ring{};
  bool open = false;
  ~State() {
    if (open) io_uring_queue_exit(&ring);
  }

  /// A free submission entry; when none is left, what is queued goes to the kernel first.
  [[nodiscard]] io_uring_sqe* entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    while (sqe == nullptr) {
      io_uring_submit(&ring);
      sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
  }
};

namespace {

void prepare(io_uring_sqe* sqe, Operation& op) {
  switch (op.kind) {
    case OperationKind::read:
      io_uring_prep_read(sqe, op.descriptor, op.buffer, op.length, op.offset);
      break;
    case OperationKind::write:
      io_uring_prep_write(sqe, op.descriptor, op.buffer, op.length, op.offset);
      break;
    case OperationKind::write_durable:
      io_uring_prep_write(sqe, op.descriptor, op.buffer, op.length, op.offset);
      sqe->rw_flags = RWF_DSYNC;
      break;
    case OperationKind::sync:
      io_uring_prep_fsync(sqe, op.descriptor, IORING_FSYNC_DATASYNC);
      break;
    case OperationKind::accept:
      io_uring_prep_accept(sqe, op.descriptor, static_cast<sockaddr*>(op.buffer), &op.peer_length,
                           SOCK_CLOEXEC);
      break;
    case OperationKind::receive:
      io_uring_prep_recv(sqe, op.descriptor, op.buffer, op.length, 0);
      break;
    case OperationKind::send:
      io_uring_prep_send(sqe, op.descriptor, op.buffer, op.length, MSG_NOSIGNAL);
      break;
    case OperationKind::poll:
      io_uring_prep_poll_add(sqe, op.descriptor, static_cast<unsigned>(op.offset));
      break;
  }
  io_uring_sqe_set_data(sqe, &op);
}

}  // namespace

Uring::Uring(std::unique_ptr<State> state) : state_(std::move(state)) {}
Uring::~Uring() = default;

Result<std::unique_ptr<Uring>> Uring::open(unsigned entries) {
  auto state = std::make_unique<State>();
  // Completions are handled on this thread only when it asks for them: no interruptions in between.
  int error = io_uring_queue_init(entries, &state->ring,
                                  IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  if (error == -EINVAL) error = io_uring_queue_init(entries, &state->ring, 0);  // Linux before 6.1
  if (error < 0) {
    const bool forbidden = error == -EPERM;
    return fail("io_uring cannot be used: " + std::string(std::strerror(-error)), "io_uring",
                forbidden ? "set /proc/sys/kernel/io_uring_disabled to 0"
                          : "use Linux 5.11 or later, and see `ulimit -l`");
  }
  state->open = true;
  return std::unique_ptr<Uring>(new Uring(std::move(state)));
}

void Uring::submit(Operation& operation) {
  prepare(state_->entry(), operation);
}

void Uring::cancel(Operation& operation) {
  io_uring_sqe* sqe = state_->entry();
  io_uring_prep_cancel(sqe, &operation, 0);
  io_uring_sqe_set_data(sqe, nullptr);
}

void Uring::reap(Completions& completions, Nanoseconds wait) {
  io_uring* ring = &state_->ring;
  if (wait == 0 || io_uring_cq_ready(ring) != 0) {
    io_uring_submit_and_get_events(ring);
  } else {
    __kernel_timespec most{static_cast<long long>(wait / kSecond),
                           static_cast<long long>(wait % kSecond)};
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(ring, &first, 1, &most, nullptr);
  }
  constexpr unsigned kBatch = 64;
  io_uring_cqe* batch[kBatch];
  for (unsigned n = io_uring_peek_batch_cqe(ring, batch, kBatch); n != 0;
       n = io_uring_peek_batch_cqe(ring, batch, kBatch)) {
    for (unsigned i = 0; i < n; ++i) {
      auto* operation = static_cast<Operation*>(io_uring_cqe_get_data(batch[i]));
      if (operation == nullptr) continue;  // the answer to a cancel
      operation->result = batch[i]->res;
      completions.complete(*operation);
    }
    io_uring_cq_advance(ring, n);
  }
}

void Uring::close(int descriptor) {
  ::close(descriptor);
}

void Uring::shutdown(int descriptor) {
  ::shutdown(descriptor, SHUT_RDWR);
}

}  // namespace sluice::io
