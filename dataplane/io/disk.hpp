/// A block device or file as storage code sees it: aligned reads and writes, and a flush that
/// covers what completed before it. Over io_uring in production and over a simulated file in tests:
/// the ring below decides.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/io/reactor.hpp"
#include "dataplane/io/task.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::io {

class Disk {
 public:
  static constexpr std::uint32_t kBlock = 4096;  ///< unit of offsets, lengths and buffer alignment

  /// Opens or makes a file of `size` bytes for direct I/O. Error: with the path, why, and what to
  /// do.
  [[nodiscard]] static Result<Disk> open(Reactor& reactor, const std::string& path,
                                         std::uint64_t size);
  /// Over a descriptor that is already there; not closed by the disk.
  Disk(Reactor& reactor, int descriptor, std::uint64_t size, std::string name);
  Disk(Disk&& other) noexcept;
  Disk& operator=(Disk&&) = delete;
  ~Disk();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// All of `into`, from a block boundary. Error: the medium cannot give it.
  Task<Result<void>> read(std::uint64_t offset, std::span<std::uint8_t> into);
  /// All of `from`, to a block boundary. Survives power loss after the next flush, or at once if
  /// `durable`. After an error what is on the medium in this range is unknown.
  Task<Result<void>> write(std::uint64_t offset, std::span<const std::uint8_t> from,
                           bool durable = false);
  /// Every write that has completed survives power loss. After an error nothing may be assumed of
  /// writes since the last flush, and they must be written again (fsync may have dropped them).
  Task<Result<void>> flush();

 private:
  [[nodiscard]] Error failed(const char* what, int error, std::uint64_t offset) const;

  Reactor* reactor_;
  int descriptor_;
  bool owned_ = false;
  std::uint64_t size_;
  std::string name_;
};

}  // namespace sluice::io
