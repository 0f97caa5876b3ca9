/// The seam between the reactor and the kernel: io_uring in production, a simulation in tests.
#pragma once

#include "dataplane/io/operation.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::io {

/// What a ring does with an operation that has completed.
class Completions {
 public:
  virtual ~Completions() = default;
  virtual void complete(Operation& operation) = 0;  ///< result is set
};

/// Used by one thread.
class Ring {
 public:
  virtual ~Ring() = default;

  /// Takes an operation; its completion comes out of a later reap, never out of this call.
  virtual void submit(Operation& operation) = 0;
  /// Asks that an operation under way ends soon; it completes with -ECANCELED, or as it would have.
  virtual void cancel(Operation& operation) = 0;
  /// Hands over what has completed; waits up to `wait` nanoseconds if nothing has.
  virtual void reap(Completions& completions, Nanoseconds wait) = 0;
  /// Ends a descriptor that accept gave out.
  virtual void close(int descriptor) = 0;
  /// No more bytes in either direction; operations on it complete.
  virtual void shutdown(int descriptor) = 0;
};

}  // namespace sluice::io
