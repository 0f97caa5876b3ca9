/// One request to the kernel (or to its simulation) and its result.
#pragma once

#include <coroutine>
#include <cstdint>

#include <sys/socket.h>

#include "dataplane/io/timers.hpp"

namespace sluice::io {

enum class OperationKind : std::uint8_t {
  read,
  write,
  write_durable,  ///< on the medium before it completes (RWF_DSYNC)
  sync,           ///< fdatasync
  accept,         ///< buffer is a sockaddr_storage that is filled with the peer
  receive,
  send,
  poll,  ///< offset holds the events
};

/// Lives in the frame of the coroutine that awaits it, and must stay where it is until it
/// completes.
struct Operation {
  OperationKind kind = OperationKind::read;
  bool timed_out = false;
  int descriptor = -1;
  void* buffer = nullptr;
  std::uint32_t length = 0;
  std::uint64_t offset = 0;
  socklen_t peer_length = sizeof(sockaddr_storage);
  std::int32_t result = 0;  ///< bytes, a descriptor, or -errno
  std::coroutine_handle<> waiter;
  Timer timer;
  Operation* next = nullptr;      ///< used by the ring while the operation is under way
  Operation* previous = nullptr;  ///< likewise
};

}  // namespace sluice::io
