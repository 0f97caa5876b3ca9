/// Ring over io_uring.
#pragma once

#include <memory>

#include "dataplane/io/ring.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::io {

class Uring final : public Ring {
 public:
  /// A ring with room for `entries` submissions between two reaps; more are submitted in between.
  /// To be called on the thread that will use it. Error: the kernel has no io_uring or forbids it.
  [[nodiscard]] static Result<std::unique_ptr<Uring>> open(unsigned entries);
  ~Uring() override;
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  void submit(Operation& operation) override;
  void cancel(Operation& operation) override;
  void reap(Completions& completions, Nanoseconds wait) override;
  void close(int descriptor) override;
  void shutdown(int descriptor) override;

 private:
  struct State;  // keeps liburing.h out of this header
  explicit Uring(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::io
