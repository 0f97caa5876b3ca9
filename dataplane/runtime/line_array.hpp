/// Memory of a table that is walked at random: whole cache lines, on huge pages where the kernel
/// gives them, reserved once.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

#include <sys/mman.h>

namespace sluice {

/// A fixed number of value-initialized records of whole cache lines.
template <class T>
class LineArray {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) == 64 && sizeof(T) % 64 == 0);

 public:
  /// Throws std::bad_alloc.
  explicit LineArray(std::size_t size) : size_(size) {
    if (size == 0) return;
    const std::size_t alignment = size * sizeof(T) >= kHugePage ? kHugePage : alignof(T);
    const std::size_t bytes = (size * sizeof(T) + alignment - 1) / alignment * alignment;
    memory_.reset(static_cast<T*>(std::aligned_alloc(alignment, bytes)));
    if (memory_ == nullptr) throw std::bad_alloc();
    // Only advice: without huge pages the table works, with more TLB misses.
    if (alignment == kHugePage) static_cast<void>(madvise(memory_.get(), bytes, MADV_HUGEPAGE));
    // Writes every page, so that none is missing when a worker comes to it.
    std::uninitialized_value_construct_n(memory_.get(), size);
  }

  [[nodiscard]] T& operator[](std::size_t i) { return memory_.get()[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return memory_.get()[i]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20U;

  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::size_t size_;
  std::unique_ptr<T, Free> memory_;
};

}  // namespace sluice
