#include "dataplane/io/disk.hpp"

#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::io {
namespace {

[[nodiscard]] bool aligned(std::uint64_t offset, std::size_t length, const void* buffer) {
  const auto address = std::bit_cast<std::uintptr_t>(buffer);
  return (offset | length | address) % Disk::kBlock == 0;
}

}  // namespace

Result<Disk> Disk::open(Reactor& reactor, const std::string& path, std::uint64_t size) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return fail("cannot be opened: " + std::string(std::strerror(errno)), path,
                errno == EINVAL ? "use a file system with direct I/O (not tmpfs)"
                                : "check the path and its permissions");
  }
  // Reserved now, so that a full file system is found at start and not under a write.
  const int error = posix_fallocate(descriptor, 0, static_cast<off_t>(size));
  if (error != 0) {
    ::close(descriptor);
    return fail("no room for " + std::to_string(size) + " bytes: " + std::strerror(error), path,
                "free space on that file system or use a smaller size");
  }
  Disk disk(reactor, descriptor, size, path);
  disk.owned_ = true;
  return disk;
}

Disk::Disk(Reactor& reactor, int descriptor, std::uint64_t size, std::string name)
    : reactor_(&reactor), descriptor_(descriptor), size_(size), name_(std::move(name)) {}

Disk::Disk(Disk&& other) noexcept
    : reactor_(other.reactor_),
      descriptor_(other.descriptor_),
      owned_(std::exchange(other.owned_, false)),
      size_(other.size_),
      name_(std::move(other.name_)) {}

Disk::~Disk() {
  if (owned_) ::close(descriptor_);
}

Error Disk::failed(const char* what, int error, std::uint64_t offset) const {
  return {
      std::string(what) + " at byte " + std::to_string(offset) + " failed: " + std::strerror(error),
      name_, "check the device and its file system (dmesg, smartctl)"};
}

Task<Result<void>> Disk::read(std::uint64_t offset, std::span<std::uint8_t> into) {
  assert(aligned(offset, into.size(), into.data()) && offset + into.size() <= size_);
  while (!into.empty()) {
    const int got = co_await reactor_->read(descriptor_, into, offset);
    if (got == -EINTR || got == -EAGAIN) continue;
    if (got <= 0) co_return tl::unexpected(failed("read", got == 0 ? EIO : -got, offset));
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  co_return Result<void>{};
}

Task<Result<void>> Disk::write(std::uint64_t offset, std::span<const std::uint8_t> from,
                               bool durable) {
  assert(aligned(offset, from.size(), from.data()) && offset + from.size() <= size_);
  while (!from.empty()) {
    const int took = co_await reactor_->write(descriptor_, from, offset, durable);
    if (took == -EINTR || took == -EAGAIN) continue;
    if (took <= 0) co_return tl::unexpected(failed("write", took == 0 ? EIO : -took, offset));
    from = from.subspan(static_cast<std::size_t>(took));
    offset += static_cast<std::uint64_t>(took);
  }
  co_return Result<void>{};
}

Task<Result<void>> Disk::flush() {
  int result = co_await reactor_->sync(descriptor_);
  while (result == -EINTR) result = co_await reactor_->sync(descriptor_);
  if (result < 0) co_return tl::unexpected(failed("flush", -result, 0));
  co_return Result<void>{};
}

}  // namespace sluice::io
